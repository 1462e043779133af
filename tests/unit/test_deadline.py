"""Every client ends its call, whatever a server does that neither stops nor comes to an end."""

import filecmp
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from unittest.mock import Mock

import httpx
import pytest
import trustme

from scanhub_workflow.bounded import BoundedClient
from tests.fakes.outbound import CALLS, Ports
from tests.fakes.served import serve
from tests.fakes.slow_server import HANDSHAKE, HUGE, PACKED, SLOW, Answer, Server, Tick
from workflow_manager import deadline, wiring
from workflow_manager.clients import http
from workflow_manager.clients.http import build_http_client
from workflow_manager.deadline import BoundedTlsSocket, connect, limit
from workflow_manager.domain.errors import (
    ScanHubError,
    StoreUnavailableError,
    UpstreamError,
    UpstreamTimeoutError,
)
from workflow_manager.orchestrators import mwaa
from workflow_manager.steps.tasks import tell_operator as tell_operator_module
from workflow_manager.steps.tasks.tell_operator import tell_operator

ROOT = Path(__file__).parents[2]
LITTLE_S = 0.15


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(mwaa, "RETRY_PAUSE_S", 0)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    wiring.forget()
    yield
    wiring.forget()


@pytest.fixture
def tick(monkeypatch: pytest.MonkeyPatch) -> Tick:
    """Return what lets a second pass: none does while a machine is merely slow."""
    passed_s = count()
    now_s = [0]

    def pass_second() -> None:
        now_s[0] = next(passed_s)

    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    return pass_second


@pytest.fixture
def reach(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Ports]:
    def make(url: str) -> Ports:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        return Ports(url)

    return make


Reach = Callable[[str], Ports]


# Each call, and each way on one call of each library below.
WAYS = [(name, way) for name in CALLS for way in ("head", "body")]
WAYS += [(name, way) for name in ("start", "mwaa trigger") for way in ("many heads", "chunks")]


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_call_of_a_server_that_sends_a_byte_a_second_ends(
    reach: Reach, tick: Tick, name: str, way: str
) -> None:
    call, error = CALLS[name]

    with Server(SLOW[way], tick) as server, pytest.raises(ScanHubError) as caught:
        call(reach(f"http://{server.address}"))

    assert type(caught.value) is error
    # No second try: it would have no time.
    assert server.n_connections == 1


@pytest.mark.parametrize("answer", HUGE.values(), ids=HUGE)
@pytest.mark.parametrize("name", ["get_workflow", "start", "login", "airflow 3", "mwaa", "list"])
def test_call_of_a_server_that_sends_for_ever_ends(reach: Reach, name: str, answer: Answer) -> None:
    # It is no timeout: the answer began, and what it means is unknown.
    with Server(answer) as server, pytest.raises(UpstreamError) as caught:
        CALLS[name][0](reach(f"http://{server.address}"))

    assert type(caught.value) is UpstreamError


@pytest.mark.parametrize("name", ["get_workflow", "start", "login", "airflow 2", "mwaa", "put"])
def test_answer_that_would_unpack_to_much_more_is_refused(reach: Reach, name: str) -> None:
    with Server(PACKED) as server, pytest.raises(UpstreamError):
        CALLS[name][0](reach(f"http://{server.address}"))


@pytest.mark.parametrize(
    "page", [b"<html>We are back soon</html>", b"\x1f\x8b\xff", b"{}", b"", b"[" * 100_000]
)
@pytest.mark.parametrize(
    "name", ["list", "put", "head", "mwaa", "load_credentials", "append", "send_start"]
)
def test_page_of_a_proxy_is_no_answer_of_aws(reach: Reach, name: str, page: bytes) -> None:
    with serve(lambda _: httpx.Response(200, content=page)) as url:
        ports = reach(url)
        with pytest.raises((UpstreamError, StoreUnavailableError)) as caught:
            CALLS[name][0](ports)
    assert "back soon" not in str(caught.value.__cause__)


def test_an_operator_is_told_in_a_few_seconds_or_not_at_all(reach: Reach, tick: Tick) -> None:
    with Server(SLOW["body"], tick) as server:
        tell_operator(reach(f"http://{server.address}").exam, "task-1", "Not started.")
    assert deadline.time.monotonic() <= tell_operator_module.TOTAL_S + 1


def test_notifications_are_sent_again_when_their_bus_does_not_answer(
    reach: Reach, tick: Tick
) -> None:
    with Server(SLOW["body"], tick) as server:
        notification = Mock(name="notification", to_cloud_event=dict)
        assert reach(f"http://{server.address}").bus.publish([notification]) == 0


@pytest.mark.parametrize("name", ["get_task", "get_dag_run", "list"])
def test_handshake_that_does_not_come_to_an_end_ends(reach: Reach, name: str) -> None:
    with Server(HANDSHAKE) as server, limit(LITTLE_S), pytest.raises(ScanHubError):
        CALLS[name][0](reach(f"https://{server.address}"))


def test_name_with_many_addresses_that_do_not_answer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a hundred addresses, of which each would take its own timeout
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        found = socket.getaddrinfo(*full.getsockname(), type=socket.SOCK_STREAM)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found * 100)
        waiting = [socket.socket() for _ in range(2)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())

        with limit(LITTLE_S), pytest.raises(TimeoutError):
            connect(full.getsockname(), LITTLE_S / 3)

        for each in waiting:
            each.close()


@pytest.mark.parametrize("build", [build_http_client, partial(BoundedClient, 5)])
def test_what_a_server_asks_to_keep_is_not_sent_with_the_next_users_request(
    build: Callable[..., httpx.Client],
) -> None:
    # Given a gateway that knows its callers by a cookie
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, headers={"Set-Cookie": "session=first-user; Path=/"})

    with build(transport=httpx.MockTransport(answer)) as client:
        for user in ("first", "second"):
            client.get("http://scanhub.test/", headers={"Authorization": f"Bearer {user}"})

    assert len(asked) == 2
    assert not any("cookie" in request.headers for request in asked)


def test_name_that_none_may_have_is_one_that_is_not_there() -> None:
    with pytest.raises(socket.gaierror):
        connect((f"{'a' * 64}.invalid", 443), LITTLE_S)


def test_first_connection_loads_no_codec_of_international_names() -> None:
    # Given a process that has connected nowhere yet
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = (
            "import sys; from workflow_manager.deadline import connect;"
            f"connect({server.getsockname()}, 5).close();"
            "print('encodings.idna' in sys.modules)"
        )
        path = {"PYTHONPATH": str(ROOT / "layers" / "workflow_manager")}
        done = subprocess.run(  # noqa: S603 - our own text
            [sys.executable, "-c", code], env=path, capture_output=True, text=True, check=True
        )

    assert done.stdout == "False\n"


def test_body_that_nobody_takes_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, build_http_client() as client:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        request = client.build_request("POST", url, content=bytes(50_000_000))
        with limit(LITTLE_S), pytest.raises(UpstreamTimeoutError):
            http.send(client, request, "It failed.")


def test_time_of_one_call_is_not_that_of_the_next() -> None:
    with serve(lambda _: httpx.Response(200, json=[])) as url, build_http_client() as client:
        with limit(0), pytest.raises(UpstreamError):
            http.send(client, client.build_request("GET", url), "It failed.")
        for _ in range(2):
            assert http.send(client, client.build_request("GET", url), "It failed.").json() == []


@pytest.fixture
def tls(tmp_path: Path) -> tuple[str, ssl.SSLContext]:
    """The file of an authority, and a server's context with its certificate."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem"), context


def answer_over_tls(server: socket.socket, context: ssl.SSLContext, body: bytes) -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: 1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        % len(body)
    )
    plain, _ = server.accept()
    with context.wrap_socket(plain, server_side=True) as connection:
        connection.recv(65_536)
        connection.sendall(head + body)
        # Until the client has read it and gone.
        connection.recv(1)


@pytest.mark.parametrize(("name", "body"), [("get_current_user", b"null"), ("get_dag_run", b"{}")])
def test_calls_are_bounded_over_tls_too(
    monkeypatch: pytest.MonkeyPatch,
    reach: Reach,
    tls: tuple[str, ssl.SSLContext],
    name: str,
    body: bytes,
) -> None:
    # Given a server that the client trusts
    for variable in ("SSL_CERT_FILE", "AWS_CA_BUNDLE"):
        monkeypatch.setenv(variable, tls[0])
    monkeypatch.setattr(http, "_load_certificates", httpx.create_ssl_context)
    used = []
    monkeypatch.setattr(
        BoundedTlsSocket,
        "do_handshake",
        lambda self, block=False: (used.append(self), ssl.SSLSocket.do_handshake(self, block)),
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=answer_over_tls, args=(server, tls[1], body))
        thread.start()
        # When
        ports = reach(f"https://127.0.0.1:{server.getsockname()[1]}")
        if name == "get_dag_run":
            assert CALLS[name][0](ports) is None
        else:
            # JSON, but no user.
            with pytest.raises(UpstreamError):
                CALLS[name][0](ports)
        wiring._aws_client("dynamodb").close()
        thread.join()
    # Then
    assert used


@pytest.mark.parametrize("folder", ["client/scanhub_workflow", "dags/scanhub_dag"])
def test_client_and_dags_have_the_same_sockets(folder: str) -> None:
    source = Path(deadline.__file__)
    assert filecmp.cmp(source, ROOT / folder / source.name, shallow=False), f"cp {source} {folder}"
