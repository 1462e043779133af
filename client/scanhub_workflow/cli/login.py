"""``login`` and ``logout``."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated

import httpx
import typer
from pydantic import SecretStr

from scanhub_workflow.cli.session import AsJson, Session, begin
from scanhub_workflow.cli.settings import Settings
from scanhub_workflow.client import TOKEN_VARIABLE, URL_VARIABLE
from scanhub_workflow.errors import AuthenticationError, ConfigurationError
from scanhub_workflow.login import log_in
from scanhub_workflow.plain_http import refuse_plain_http


def login(
    context: typer.Context,
    url: Annotated[
        str, typer.Option(help="Of the API, up to /workflowmanager.", envvar=URL_VARIABLE)
    ] = "",
    login_url: Annotated[
        str, typer.Option(help="Of ScanHub's user-login-manager, for name and password.")
    ] = "",
    username: Annotated[str, typer.Option(help="Your name in ScanHub.")] = "",
    is_token_piped: Annotated[
        bool, typer.Option("--token-stdin", help="Read a token from standard input.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Keep URL and token in a file of your own; a token is never an argument.

    Asks for what is not given, and remembers everything but the password.
    """
    session = begin(context, as_json)
    known = _read_known(session)
    url = url or _ask("URL of the API", known.url, is_token_piped)
    _refuse_plain_http(url)
    if is_token_piped:
        wanted = Settings(url=url, token=SecretStr(sys.stdin.readline().strip()))
    else:
        login_url = login_url or _ask(
            "URL of ScanHub's login (empty to paste a token)", known.login_url, is_token_piped
        )
        username = username or known.username
        wanted = _ask_for_token(session, Settings(url=url, login_url=login_url, username=username))
    _check(session, wanted)
    session.settings.write(wanted)
    if session.output.is_json:
        session.output.document({"url": wanted.url, "username": wanted.username or None})
    session.output.say(f"Logged in. The login is kept in {session.settings.path}.")
    if session.environ.get(TOKEN_VARIABLE):
        session.output.note(f"{TOKEN_VARIABLE} is set, and counts in place of this login.")


def logout(context: typer.Context, as_json: AsJson = False) -> None:
    """Forget the token; the URL stays."""
    session = begin(context, as_json)
    kept = _read_known(session).model_copy(update={"token": SecretStr("")})
    session.settings.write(kept)
    if session.output.is_json:
        session.output.document({"url": kept.url, "username": kept.username or None})
    session.output.say("Logged out here; at ScanHub the token ends an hour after its last use.")


def _read_known(session: Session) -> Settings:
    try:
        return session.settings.read()
    except ConfigurationError:
        # What is damaged, or open to others, is written anew.
        return Settings()


def _ask(question: str, default: str, is_piped: bool) -> str:
    if is_piped or not is_somebody_there():
        return default
    answer: str = typer.prompt(question, default=default, err=True)
    return answer.strip()


def _refuse_plain_http(url: str) -> None:
    # Before anything is asked, or read; what is no URL is said later.
    with suppress(httpx.InvalidURL):
        refuse_plain_http(httpx.URL(url))


def _ask_for_token(session: Session, wanted: Settings) -> Settings:
    if not is_somebody_there():
        raise ConfigurationError("Nobody is there to ask: pipe the token to login --token-stdin.")
    if not wanted.login_url:
        token = typer.prompt("Token", hide_input=True, err=True).strip()
        return wanted.model_copy(update={"token": SecretStr(token)})
    _refuse_plain_http(wanted.login_url)
    username = wanted.username or typer.prompt("Name", err=True).strip()
    password = typer.prompt("Password", hide_input=True, err=True)
    token = log_in(wanted.login_url, username, password, transport=session.transport)
    return wanted.model_copy(update={"token": SecretStr(token), "username": username})


def _check(session: Session, wanted: Settings) -> None:
    if not wanted.url or not wanted.token.get_secret_value():
        raise ConfigurationError("A URL and a token are needed: see scanhub-workflow login --help")
    with session.open(wanted.url, wanted.token.get_secret_value()) as client:
        try:
            client.hello()
        except AuthenticationError:
            raise ConfigurationError(
                "The API does not accept this token; nothing is kept."
            ) from None


def is_somebody_there() -> bool:
    """Return whether a question would be answered."""
    return sys.stdin.isatty()
