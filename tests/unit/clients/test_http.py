import httpx
import pytest
from pydantic import BaseModel

from tests.fakes.http import FakeServer, load_sample_credentials
from workflow_manager.clients.auth import BearerAuth, ServiceAccountAuth
from workflow_manager.clients.http import TIMEOUT_S, build_http_client, read_json, read_model, send
from workflow_manager.domain.errors import (
    InvalidInputError,
    LoginExpiredError,
    NeighbourRefusedError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.urls import quote_segment

URL = "http://exam-manager:8000/x"


class Record(BaseModel):
    birth_date: int


def call(server: FakeServer, method: str = "GET", auth: httpx.Auth | None = None) -> httpx.Response:
    client = server.client
    return send(client, client.build_request(method, URL), "It failed", auth)


def test_build_client_sets_a_timeout_and_follows_no_redirect() -> None:
    with build_http_client() as client:
        assert client.timeout == httpx.Timeout(TIMEOUT_S)
        assert not client.follow_redirects


@pytest.mark.parametrize(
    "first",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.RemoteProtocolError("dropped"),
        httpx.Response(502),
        httpx.Response(503),
        httpx.Response(504),
    ],
)
def test_send_repeats_a_get_once_when_the_failure_may_pass(
    first: httpx.Response | Exception,
) -> None:
    server = FakeServer(first, httpx.Response(200))
    assert call(server).status_code == 200
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("answer", "expected", "n_requests"),
    [
        (httpx.ConnectError("refused"), UpstreamUnreachableError, 2),
        (httpx.ConnectTimeout("slow"), UpstreamUnreachableError, 2),
        (httpx.PoolTimeout("full"), UpstreamUnreachableError, 2),
        (httpx.ReadTimeout("slow"), UpstreamTimeoutError, 1),
        (httpx.WriteTimeout("slow"), UpstreamTimeoutError, 1),
        (httpx.ReadError("dropped"), UpstreamError, 2),
        (httpx.Response(503), NeighbourRefusedError, 2),
        (httpx.Response(500), NeighbourRefusedError, 1),
        (httpx.Response(404), NeighbourRefusedError, 1),
        (httpx.Response(307, headers={"Location": "/y"}), NeighbourRefusedError, 1),
    ],
)
def test_send_maps_the_failure_of_a_get(
    answer: httpx.Response | Exception, expected: type[UpstreamError], n_requests: int
) -> None:
    server = FakeServer(answer)
    with pytest.raises(UpstreamError) as caught:
        call(server)
    assert type(caught.value) is expected
    assert caught.value.detail == "It failed"
    assert len(server.requests) == n_requests


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    "answer", [httpx.ConnectError("refused"), httpx.ReadError("dropped"), httpx.Response(503)]
)
def test_send_never_repeats_a_write(method: str, answer: httpx.Response | Exception) -> None:
    server = FakeServer(answer)
    with pytest.raises(UpstreamError):
        call(server, method)
    assert len(server.requests) == 1


def test_send_keeps_the_status_of_a_refusal() -> None:
    with pytest.raises(NeighbourRefusedError) as caught:
        call(FakeServer(httpx.Response(418, text="a patient's name")))
    assert caught.value.status == 418
    assert "patient" not in str(caught.value)


def test_send_tells_the_caller_whose_login_has_expired() -> None:
    server = FakeServer(httpx.Response(401, json={"detail": "Invalid token."}))
    with pytest.raises(LoginExpiredError, match="Your login has expired") as caught:
        call(server, auth=BearerAuth("token-1"))
    assert caught.value.status == 401


def test_send_makes_a_refusal_of_our_own_account_no_business_of_the_caller() -> None:
    login = httpx.Response(200, json={"access_token": "t1"})
    auth = ServiceAccountAuth(URL, load_sample_credentials)
    with pytest.raises(UpstreamRefusedError) as caught:
        call(FakeServer(login, httpx.Response(401)), auth=auth)
    assert not isinstance(caught.value, NeighbourRefusedError)


def test_read_json_raises_when_the_body_is_not_json() -> None:
    with pytest.raises(UpstreamError, match="It failed"):
        read_json(httpx.Response(200, text="<html>"), "It failed")


@pytest.mark.parametrize("body", ["<html>", "[]", '{"birth_date": "somebody"}'])
def test_read_model_raises_without_quoting_when_the_body_does_not_fit(body: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        read_model(Record, httpx.Response(200, text=body), "It failed")
    assert str(caught.value) == "It failed"
    assert caught.value.__suppress_context__


def test_quote_segment_keeps_an_id_in_one_segment() -> None:
    assert quote_segment("a/b?c#d ä") == "a%2Fb%3Fc%23d%20%C3%A4"


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_quote_segment_refuses_what_names_another_path(value: str) -> None:
    with pytest.raises(InvalidInputError):
        quote_segment(value)
