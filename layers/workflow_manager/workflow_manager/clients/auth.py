"""How a request shows whose it is. Tokens and passwords stay out of every repr, log and error."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from typing import ClassVar

import httpx
from pydantic import BaseModel, Field, ValidationError

from workflow_manager.domain.errors import UpstreamError, UpstreamRefusedError
from workflow_manager.secrets import Credentials

logger = logging.getLogger(__name__)

AuthFlow = Generator[httpx.Request, httpx.Response, None]


class BearerAuth(httpx.Auth):
    """The caller's own token.

    Parameters
    ----------
    token
        The token, without its scheme.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> AuthFlow:
        """Add the token to a request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class LoginAuth(httpx.Auth, ABC):
    """A token that a login gives; kept by the instance, and renewed once when it is refused.

    Parameters
    ----------
    login_url
        Where to log in.
    load_credentials
        Reads user name and password; called for each login.
    """

    requires_response_body = True
    service: ClassVar[str]
    refusals: ClassVar[frozenset[int]] = frozenset({401})

    def __init__(self, login_url: str, load_credentials: Callable[[], Credentials]) -> None:
        self._login_url = login_url
        self._load_credentials = load_credentials
        self._token: str | None = None

    def auth_flow(self, request: httpx.Request) -> AuthFlow:
        """Add the token to a request, logging in before or in between where needed.

        Raises
        ------
        UpstreamRefusedError
            The login was refused.
        UpstreamError
            The login was answered by something else.
        """
        is_fresh = self._token is None
        if is_fresh:
            yield from self._login(request)
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code in self.refusals and not is_fresh:
            yield from self._login(request)
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    @abstractmethod
    def build_login(self, credentials: Credentials) -> httpx.Request:
        """Return the request that logs in."""

    def _login(self, request: httpx.Request) -> AuthFlow:
        self._token = None
        login = self.build_login(self._load_credentials())
        # A request made by hand has no timeout of its own, and would wait for ever.
        login.extensions["timeout"] = request.extensions.get("timeout", {})
        response = yield login
        if not response.is_success:
            logger.error(
                "%s refuses to log our account in: status %d", self.service, response.status_code
            )
            raise UpstreamRefusedError(f"{self.service} login failed.", response.status_code)
        self._token = self._read_token(response)

    def _read_token(self, response: httpx.Response) -> str:
        try:
            return _Login.model_validate_json(response.content).access_token
        except ValidationError:
            # Without its cause: pydantic quotes what it was given.
            raise UpstreamError(f"{self.service} login failed.") from None


class ServiceAccountAuth(LoginAuth):
    """Our own account at user-login-manager, for what no caller stands behind."""

    service = "User-login-manager"

    def build_login(self, credentials: Credentials) -> httpx.Request:
        """Return the request that logs in."""
        form = {
            "username": credentials.username,
            "password": credentials.password.get_secret_value(),
        }
        return httpx.Request("POST", self._login_url, data=form)


class _Login(BaseModel):
    access_token: str = Field(min_length=1, repr=False, pattern=r"^[\x21-\x7e]+$")
