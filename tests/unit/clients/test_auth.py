import logging

import httpx
import pytest

from tests.fakes.http import FakeServer, load_sample_credentials
from workflow_manager.clients.auth import BearerAuth, ServiceAccountAuth
from workflow_manager.domain.errors import UpstreamError, UpstreamRefusedError

LOGIN_URL = "http://user-login-manager:8000/api/v1/userlogin/login"
URL = "http://exam-manager:8000/x"


def login(token: str) -> httpx.Response:
    return httpx.Response(200, json={"access_token": token, "token_type": "bearer"})


def make_auth() -> ServiceAccountAuth:
    return ServiceAccountAuth(LOGIN_URL, load_sample_credentials)


def test_service_account_logs_in_once_for_many_requests() -> None:
    server = FakeServer(login("t1"), httpx.Response(200))
    client, auth = server.client, make_auth()
    client.get(URL, auth=auth)
    client.get(URL, auth=auth)
    assert server.lines == [f"POST {LOGIN_URL}", f"GET {URL}", f"GET {URL}"]
    assert server.tokens == [None, "Bearer t1", "Bearer t1"]
    assert server.requests[0].content == b"username=service&password=secret-password"
    content_type = server.requests[0].headers["Content-Type"]
    assert content_type == "application/x-www-form-urlencoded"


def test_service_account_login_has_the_timeout_of_its_request() -> None:
    server = FakeServer(login("t1"), httpx.Response(200))
    server.client.get(URL, auth=make_auth())
    assert server.requests[0].extensions["timeout"] == httpx.Timeout(3.0).as_dict()


def test_service_account_logs_in_again_once_when_its_token_ran_out() -> None:
    server = FakeServer(
        login("t1"),
        httpx.Response(200),
        httpx.Response(401),
        login("t2"),
        httpx.Response(401),
    )
    client, auth = server.client, make_auth()
    client.get(URL, auth=auth)
    response = client.get(URL, auth=auth)
    assert response.status_code == 401
    assert server.tokens == [None, "Bearer t1", "Bearer t1", None, "Bearer t2"]
    assert len(server.requests) == 5


def test_service_account_does_not_log_in_again_when_a_fresh_token_is_refused() -> None:
    server = FakeServer(login("t1"), httpx.Response(401))
    assert server.client.get(URL, auth=make_auth()).status_code == 401
    assert len(server.requests) == 2


def test_service_account_logs_an_error_without_secrets_when_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = FakeServer(httpx.Response(401, text="secret-password"))
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(UpstreamRefusedError) as caught,
    ):
        server.client.get(URL, auth=make_auth())
    assert caught.value.status == 401
    assert "User-login-manager refuses" in caplog.text
    assert "secret-password" not in caplog.text + repr(caught.value)


@pytest.mark.parametrize(
    "body", ["<html>", "{}", '{"access_token": ""}', '{"access_token": "a b"}']
)
def test_service_account_raises_when_the_login_answers_something_else(body: str) -> None:
    server = FakeServer(httpx.Response(200, text=body))
    with pytest.raises(UpstreamError):
        server.client.get(URL, auth=make_auth())


def test_auth_never_prints_its_token() -> None:
    auth = make_auth()
    server = FakeServer(login("token-1"), httpx.Response(200))
    server.client.get(URL, auth=auth)
    assert "token-1" not in repr(auth) + repr(BearerAuth("token-1"))
    assert "secret-password" not in repr(load_sample_credentials())
