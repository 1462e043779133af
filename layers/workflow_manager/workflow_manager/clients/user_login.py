"""User-login-manager."""

import re
from typing import Any

import httpx

from workflow_manager.clients.auth import BearerAuth
from workflow_manager.clients.http import exchange, read_json, read_model
from workflow_manager.domain.errors import AuthenticationError, UpstreamError, UpstreamRefusedError
from workflow_manager.domain.exam import User

_DETAIL = "User-login-manager failed."
# The password is checked in a second and more, behind others.
_LOGIN_TIMEOUT_S = 6.0
# What a header can carry; anything else is nobody's token.
_TOKEN = re.compile(r"[\x21-\x7e]+")


class HttpUserClient:
    """User-login-manager over HTTP.

    Parameters
    ----------
    client
        From `build_http_client`.
    user_login_manager_uri
        Scheme, host and port.
    """

    def __init__(self, client: httpx.Client, user_login_manager_uri: str) -> None:
        self._client = client
        base_url = f"{user_login_manager_uri.rstrip('/')}/api/v1/userlogin"
        self._url, self._login_url = f"{base_url}/getcurrentuser", f"{base_url}/login"

    def get_current_user(self, token: str) -> User | None:
        """Return whose token it is, or None if it is refused."""
        if not _TOKEN.fullmatch(token):
            return None
        request = self._client.build_request("GET", self._url)
        response = exchange(self._client, request, _DETAIL, BearerAuth(token))
        if response.status_code == httpx.codes.UNAUTHORIZED:
            return None
        if response.status_code != httpx.codes.OK:
            raise UpstreamRefusedError(_DETAIL, response.status_code)
        return read_model(User, response, _DETAIL)

    def log_in(self, username: str, password: str) -> dict[str, Any]:
        """Return the answer to a login, sent once, with its ``access_token``."""
        form = {"username": username, "password": password}
        request = self._client.build_request(
            "POST", self._login_url, data=form, timeout=_LOGIN_TIMEOUT_S
        )
        response = exchange(self._client, request, _DETAIL)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise AuthenticationError("Name or password is wrong.")
        if response.status_code != httpx.codes.OK:
            raise UpstreamRefusedError(_DETAIL, response.status_code)
        answer = read_json(response, _DETAIL)
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise UpstreamError(_DETAIL)
        return dict(answer)
