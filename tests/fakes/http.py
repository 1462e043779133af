"""A network of one server that answers as it is told and remembers what it was asked."""

import httpx
from pydantic import SecretStr

from workflow_manager.clients.http import build_http_client
from workflow_manager.secrets import Credentials

Answer = httpx.Response | Exception


class FakeServer:
    """Gives its answers in turn, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        # Kept apart: an auth flow changes the header of one request object and sends it again.
        self.tokens: list[str | None] = []

    @property
    def client(self) -> httpx.Client:
        return build_http_client(httpx.MockTransport(self._answer))

    @property
    def lines(self) -> list[str]:
        """Method and URL of every request."""
        return [f"{request.method} {request.url}" for request in self.requests]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.tokens.append(request.headers.get("Authorization"))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def load_sample_credentials() -> Credentials:
    return Credentials(username="service", password=SecretStr("secret-password"))
