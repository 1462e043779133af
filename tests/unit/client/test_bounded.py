"""Each request of the client ends, whatever a server does that neither stops nor ends."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from types import SimpleNamespace

import httpx
import pytest

from scanhub_workflow import Client, Retry, bounded, deadline
from scanhub_workflow.bounded import BoundedClient
from scanhub_workflow.doctor import examine
from scanhub_workflow.errors import UnreachableError
from scanhub_workflow.login import log_in
from tests.fakes.slow_server import HUGE, SLOW, Answer, Server, Tick
from tests.unit.client.conftest import FakeClock

ANSWERS = [SLOW["head"], SLOW["body"], HUGE["chunks"]]


@pytest.fixture(autouse=True)
def tick(monkeypatch: pytest.MonkeyPatch) -> Tick:
    """Return what lets ten seconds pass: none do while a machine is merely slow."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    passed_s = count(step=10)
    now_s = [0]

    def pass_seconds() -> None:
        now_s[0] = next(passed_s)

    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    return pass_seconds


@pytest.mark.parametrize("answer", ANSWERS)
def test_request_to_the_api_ends(tick: Tick, answer: Answer) -> None:
    with (
        Server(answer, tick) as server,
        Client(f"http://{server.address}", "token", retry=Retry(n_attempts=1)) as client,
        pytest.raises(UnreachableError),
    ):
        client.get_workflow("w")


@pytest.mark.parametrize("answer", ANSWERS)
def test_login_ends(tick: Tick, answer: Answer) -> None:
    with Server(answer, tick) as server, pytest.raises(UnreachableError):
        log_in(f"http://{server.address}", "name", "password")


def test_doctor_ends(tick: Tick) -> None:
    with Server(SLOW["head"], tick) as server:
        checks = {check.name: check for check in examine(f"http://{server.address}", "token")}

    assert checks["connection"].outcome == "failed"


def test_part_of_a_file_has_time_by_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    totals_s: list[float] = []

    def note(total_s: float) -> AbstractContextManager[None]:
        totals_s.append(total_s)
        return nullcontext()

    monkeypatch.setattr(bounded, "limit", note)
    with BoundedClient(100, transport=httpx.MockTransport(lambda _: httpx.Response(200))) as http:
        http.get("http://s3.test")
        http.put("http://s3.test", content=bytes(40_960))

    assert totals_s == [100, 110]


@pytest.mark.parametrize("retry_after", ["7", "Fri, 31 Dec 9998 23:59:59 GMT"])
def test_client_waits_as_the_server_asks_within_its_bound(
    make_client: Callable[..., Client], fake_clock: FakeClock, retry_after: str
) -> None:
    answers = [httpx.Response(503, headers={"Retry-After": retry_after}), httpx.Response(404)]
    client = make_client(lambda _: answers.pop(0))

    with pytest.raises(Exception, match="Not Found"):
        client.get_workflow("w")

    assert fake_clock.sleeps == [7 if retry_after == "7" else 20]
