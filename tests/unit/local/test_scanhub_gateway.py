"""ScanHub's gateway: our API on the host of the others, and the login by its cookie."""

import socket
from collections.abc import Callable, Iterator

import httpx
import pytest

from local.scanhub.gateway import MAX_BODY_BYTES
from tests.fakes.served import serve
from tests.unit.local.conftest import API_URL, Served

PATH = "/api/v1/workflowmanager"
COOKIE_LOGIN = "/api/v1/userlogin/loginfromcookie"


class Api:
    """The API behind the gateway: it keeps what it hears and says what it is told to."""

    def __init__(self) -> None:
        self.heard: list[httpx.Request] = []
        self.answer: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(200)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.heard.append(request)
        return self.answer(request)


def point_to(scanhub: Served, url: str) -> None:
    scanhub.client.put("/_control/scanner", json={"workflow_manager_url": url}).raise_for_status()


@pytest.fixture
def api(scanhub: Served) -> Iterator[Api]:
    api = Api()
    with serve(api) as url:
        point_to(scanhub, f"{url}/restapis/a/v1/workflowmanager")
        yield api
    point_to(scanhub, API_URL)


def test_a_request_arrives_as_it_was_sent_but_for_host_and_cookie(
    scanhub: Served, api: Api
) -> None:
    headers = {"Cookie": "access_token=secret", "If-None-Match": '"a"'}
    scanhub.client.post(f"{PATH}/a%2Fb/?c=%C3%A4&c=2", content=b"body", headers=headers)

    [heard] = api.heard
    assert (heard.method, heard.content) == ("POST", b"body")
    assert heard.url.raw_path == b"/restapis/a/v1/workflowmanager/a%2Fb/?c=%C3%A4&c=2"
    assert heard.headers["if-none-match"] == '"a"'
    assert heard.headers["authorization"] == f"Bearer {scanhub.token}"
    assert "cookie" not in heard.headers
    assert heard.headers["host"] != scanhub.client.base_url.netloc.decode()


def test_an_answer_comes_as_it_is_and_isolates_the_page(scanhub: Served, api: Api) -> None:
    headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    api.answer = lambda _: httpx.Response(200, headers=headers, content=b"page")

    answer = scanhub.client.get(f"{PATH}/console/")

    assert (answer.status_code, answer.content) == (200, b"page")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"


@pytest.mark.parametrize("status", [204, 302, 304, 404])
def test_a_status_is_handed_back_without_being_followed(
    scanhub: Served, api: Api, status: int
) -> None:
    api.answer = lambda _: httpx.Response(status, headers={"Location": "console/"})

    answer = scanhub.client.get(f"{PATH}/console")

    assert (answer.status_code, answer.headers["location"]) == (status, "console/")


def test_more_than_api_gateway_takes_goes_no_further(scanhub: Served, api: Api) -> None:
    answer = scanhub.client.post(f"{PATH}/a/", content=bytes(MAX_BODY_BYTES + 1))

    assert (answer.status_code, api.heard) == (413, [])


def test_more_than_api_gateway_answers_does_not_come(scanhub: Served, api: Api) -> None:
    api.answer = lambda _: httpx.Response(200, content=bytes(MAX_BODY_BYTES + 1))

    assert scanhub.client.get(f"{PATH}/a/").status_code == 502


def test_an_api_that_is_not_there_is_a_bad_gateway(scanhub: Served, api: Api) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        point_to(scanhub, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        answer = scanhub.client.get(f"{PATH}/a/")

    assert (answer.status_code, answer.headers["content-type"][:9]) == (502, "text/html")


def test_an_api_that_says_nothing_is_a_gateway_timeout(
    scanhub: Served, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.scanhub.gateway.ANSWER_TIMEOUT_S", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        point_to(scanhub, f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert scanhub.client.get(f"{PATH}/a/").status_code == 504


def test_the_cookie_of_a_login_gives_the_token(scanhub: Served) -> None:
    form = {"username": scanhub.seed["username"], "password": scanhub.seed["password"]}
    cookie = scanhub.client.post("/api/v1/userlogin/login", data=form).headers["set-cookie"]
    assert f"Path={COOKIE_LOGIN}" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie

    user = scanhub.client.post(COOKIE_LOGIN).json()

    assert (user["access_token"], user["token_type"]) == (scanhub.token, "bearer")
    assert user["username"] == scanhub.seed["username"]


@pytest.mark.parametrize(
    ("cookie", "detail"), [("", "Missing token."), ("access_token=no", "Invalid token.")]
)
def test_without_a_login_the_cookie_gives_nothing(
    scanhub: Served, cookie: str, detail: str
) -> None:
    answer = scanhub.client.post(COOKIE_LOGIN, headers={"Cookie": cookie})

    assert (answer.status_code, answer.json()["detail"]) == (401, detail)


def speak(scanhub: Served, target: bytes) -> bytes:
    """Send what no browser or client would; return the first line of the answer."""
    host, _, port = scanhub.client.base_url.netloc.decode().partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        return connection.makefile("rb").readline()


@pytest.mark.parametrize(
    "path", [b"../../../secret", b"a/../../b", b"..", b"%2e%2e/b", b"a/%2E./b", b".%2e%2fb"]
)
def test_no_path_leads_out_of_the_api(scanhub: Served, api: Api, path: bytes) -> None:
    answer = speak(scanhub, f"{PATH}/".encode() + path)

    assert (answer.split()[1], api.heard) == (b"400", [])
