"""User-login-manager."""

import re

import httpx

from workflow_manager.clients.auth import BearerAuth
from workflow_manager.clients.http import exchange, read_model
from workflow_manager.domain.errors import UpstreamRefusedError
from workflow_manager.domain.exam import User

_DETAIL = "User-login-manager failed."
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
        self._url = f"{user_login_manager_uri.rstrip('/')}/api/v1/userlogin/getcurrentuser"

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
