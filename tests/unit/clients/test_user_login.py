import httpx
import pytest

from tests.fakes.http import FakeServer
from workflow_manager.clients.user_login import HttpUserClient
from workflow_manager.domain.errors import UpstreamError, UpstreamTimeoutError

USER = {"username": "ada", "role": "scientist", "email": None, "access_token": ""}


def make_client(server: FakeServer) -> HttpUserClient:
    return HttpUserClient(server.client, "http://user-login-manager:8000")


@pytest.mark.parametrize("token", ["", "with space", "line\nbreak", "ä"])
def test_get_current_user_returns_none_unasked_when_no_header_can_carry_it(token: str) -> None:
    server = FakeServer(httpx.Response(200, json=USER))
    assert make_client(server).get_current_user(token) is None
    assert server.requests == []


@pytest.mark.parametrize(
    "answer", [httpx.Response(500), httpx.Response(403), httpx.Response(200, text="<html>")]
)
def test_get_current_user_raises_when_the_service_fails(answer: httpx.Response) -> None:
    with pytest.raises(UpstreamError) as caught:
        make_client(FakeServer(answer)).get_current_user("token-1")
    assert "token-1" not in repr(caught.value)


def test_get_current_user_raises_when_the_service_is_slow() -> None:
    with pytest.raises(UpstreamTimeoutError):
        make_client(FakeServer(httpx.ReadTimeout("slow"))).get_current_user("token-1")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(422, json={"detail": "secret"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"access_token": "two words"}),
        httpx.ReadTimeout("slow"),
    ],
)
def test_log_in_asks_once_and_says_nothing_of_what_was_sent(
    answer: httpx.Response | httpx.ReadTimeout,
) -> None:
    server = FakeServer(answer)
    with pytest.raises(UpstreamError) as caught:
        make_client(server).log_in("ada", "secret")
    assert len(server.requests) == 1
    assert "secret" not in repr(caught.value)
