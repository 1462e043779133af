import json
from pathlib import Path

import httpx
import pytest

from scanhub_workflow.cli import login
from tests.fakes.command_line import URL, CommandLine

LOGIN_URL = "https://scanhub.test"


def answer(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/api/v1/userlogin/login":
        form = dict(httpx.QueryParams(request.content.decode()))
        if form != {"username": "ada", "password": "right & long"}:
            return httpx.Response(401, json={"detail": "Invalid authentication credentials"})
        return httpx.Response(200, json={"access_token": "issued", "role": "medical"})
    assert request.url == f"{URL}/hello/"
    if request.headers["Authorization"] not in {"Bearer issued", "Bearer pasted"}:
        return httpx.Response(401, json={"status": 401, "title": "", "detail": "Invalid token."})
    return httpx.Response(200, json={"message": "Hello, World!"})


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, httpx.MockTransport(answer), environ={})


@pytest.fixture
def _at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "is_somebody_there", lambda: True)


def test_token_is_piped(command_line: CommandLine) -> None:
    ended = command_line.run("login", "--url", URL, "--token-stdin", text="pasted\n")
    assert (ended.code, ended.err) == (0, "")
    assert "pasted" not in ended.out
    assert command_line.run("logout", "--json").document == {"url": URL, "username": None}
    assert command_line.run("tasks").code == 3


@pytest.mark.usefixtures("_at_a_terminal")
def test_name_and_password_are_asked_once_and_all_but_the_password_is_remembered(
    command_line: CommandLine,
) -> None:
    # Given a first login
    arguments = ["login", "--url", URL, "--login-url", LOGIN_URL]
    first = command_line.run(*arguments, text="ada\nright & long\n")
    assert first.code == 0, first.err
    # When the token has ended and somebody logs in again: the old URLs are offered
    again = command_line.run("login", "--json", text="\n\nright & long\n")
    assert json.loads(again.out.splitlines()[-1]) == {"url": URL, "username": "ada"}
    # Then the password was neither shown nor kept
    kept = (command_line.folder / "login.json").read_text()
    assert "right & long" not in kept + first.out + first.err + again.err


@pytest.mark.usefixtures("_at_a_terminal")
def test_wrong_password_keeps_nothing(command_line: CommandLine) -> None:
    arguments = ["login", "--url", URL, "--login-url", LOGIN_URL, "--username", "ada"]
    ended = command_line.run(*arguments, text="wrong\n")
    assert ended.code == 3
    assert "Name or password is wrong" in ended.err
    assert not command_line.folder.joinpath("login.json").exists()


def test_token_that_is_not_accepted_keeps_nothing(command_line: CommandLine) -> None:
    ended = command_line.run("login", "--url", URL, "--token-stdin", text="another\n")
    assert (ended.code, "another" in ended.err) == (3, False)
    assert "does not accept this token" in ended.err
    assert not command_line.folder.joinpath("login.json").exists()


@pytest.mark.parametrize("text", ["", "\n"])
def test_login_without_a_token_or_a_url_says_what_is_needed(
    command_line: CommandLine, text: str
) -> None:
    assert command_line.run("login", "--token-stdin", text="pasted").code == 3
    ended = command_line.run("login", "--url", URL, "--token-stdin", text=text)
    assert ended.code == 3
    assert "A URL and a token are needed" in ended.err


def test_nobody_is_asked_where_nobody_is(command_line: CommandLine) -> None:
    ended = command_line.run("login", "--url", URL)
    assert ended.code == 3
    assert "pipe the token" in ended.err


@pytest.mark.parametrize("url", ["", "https://", "not a url", "ftp://x.test/"])
def test_url_that_is_none_is_told(command_line: CommandLine, url: str) -> None:
    ended = command_line.run("login", "--url", url, "--token-stdin", text="pasted\n")
    assert (ended.code, ended.out) == (3, "")
    assert "URL" in ended.err


@pytest.mark.parametrize("url", ["ada:secret@api.test/", "api.test/?page=1", "api.test/#top"])
def test_url_with_more_than_host_and_path_is_told(command_line: CommandLine, url: str) -> None:
    ended = command_line.run("login", "--url", f"https://{url}", "--token-stdin", text="pasted\n")
    assert (ended.code, ended.out) == (3, "")
    assert "give host and path only" in ended.err
    assert "secret" not in ended.err


@pytest.mark.parametrize("token", ["with\x00control", "with ü", "with blank"])
def test_token_that_no_header_takes_is_told(command_line: CommandLine, token: str) -> None:
    ended = command_line.run("login", "--url", URL, "--token-stdin", text=f"{token}\n")
    assert ended.code == 3
    assert token not in ended.err


@pytest.mark.parametrize(
    ("reply", "code", "sentence"),
    [
        (httpx.Response(502), 7, "does not work at the moment"),
        (httpx.Response(404), 7, "not ScanHub's login"),
        (httpx.Response(200, text="<html>"), 7, "not ScanHub's login"),
        (httpx.Response(302, headers={"Location": "/"}), 7, "not ScanHub's login"),
    ],
)
@pytest.mark.usefixtures("_at_a_terminal")
def test_login_that_is_none_or_down_is_told(
    command_line: CommandLine, reply: httpx.Response, code: int, sentence: str
) -> None:
    there = CommandLine(command_line.folder, httpx.MockTransport(lambda _: reply), environ={})
    arguments = ["login", "--url", URL, "--login-url", LOGIN_URL, "--username", "ada"]
    ended = there.run(*arguments, text="right & long\n")
    assert (ended.code, sentence in ended.err) == (code, True)


def test_environment_that_overrides_the_login_is_told(command_line: CommandLine) -> None:
    environ = {"SCANHUB_WORKFLOW_TOKEN": "another"}
    there = CommandLine(command_line.folder, command_line.api, environ=environ)
    ended = there.run("login", "--url", URL, "--token-stdin", text="pasted\n")
    assert ended.code == 0
    assert "SCANHUB_WORKFLOW_TOKEN is set" in ended.err
