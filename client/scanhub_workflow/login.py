"""Log in at ScanHub's user-login-manager, which issues the tokens."""

from __future__ import annotations

import httpx
from pydantic import BaseModel, ValidationError

from scanhub_workflow.bounded import BoundedClient
from scanhub_workflow.errors import AuthenticationError, UnexpectedAnswerError, UnreachableError
from scanhub_workflow.plain_http import refuse_plain_http

LOGIN_PATH = "/api/v1/userlogin/login"
# Checking a password takes the server about a second.
TIMEOUT = httpx.Timeout(30, connect=10)
TOTAL_S = 40


class _User(BaseModel):
    access_token: str


def log_in(
    login_url: str, username: str, password: str, *, transport: httpx.BaseTransport | None = None
) -> str:
    """Return a token; it ends an hour after its last use, and after eleven hours.

    Parameters
    ----------
    login_url
        Scheme and host of ScanHub; a path beneath them is taken as it is.
    username, password
        Of the user.
    transport
        How to reach it; httpx's own if left out.

    Raises
    ------
    ConfigurationError
        Others could read the password on its way.
    AuthenticationError
        Name or password is wrong.
    UnreachableError
        No answer came.
    UnexpectedAnswerError
        It is none of user-login-manager.
    """
    url = login_url.rstrip("/")
    url = url if url.endswith(LOGIN_PATH) else url + LOGIN_PATH
    form = {"username": username, "password": password}
    try:
        refuse_plain_http(httpx.URL(url))
        with BoundedClient(TOTAL_S, timeout=TIMEOUT, transport=transport) as http:
            answer = http.post(url, data=form)
    except httpx.TransportError:
        raise UnreachableError("ScanHub's login gave no answer: check its URL.") from None
    except (httpx.InvalidURL, httpx.DecodingError):
        raise UnexpectedAnswerError("This is no URL of ScanHub's login.") from None
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise AuthenticationError(answer.status_code, "Name or password is wrong.")
    if answer.is_server_error:
        raise UnreachableError("ScanHub's login does not work at the moment: try again later.")
    try:
        return _User.model_validate_json(answer.raise_for_status().content).access_token
    except (httpx.HTTPStatusError, ValidationError):
        # Without the cause, which shows the token.
        raise UnexpectedAnswerError("This is not ScanHub's login: check its URL.") from None
