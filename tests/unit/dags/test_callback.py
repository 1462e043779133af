from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from scanhub_dag import callback
from scanhub_dag.callback import (
    CallbackError,
    CallbackLostError,
    ResultsCallback,
    RunEndedError,
)
from tests.fakes.slow_server import HUGE, SLOW, Answer
from tests.fakes.slow_server import Server as SlowServer

ENDPOINT = "https://scanhub.test/api/v1/workflowmanager/results_ready/"
TOKEN = "run.secret-of-the-run"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Server:
    """Answers with the given statuses or errors, one after the other, and keeps the requests."""

    def __init__(
        self, *answers: int | type[httpx.HTTPError], retry_after: str | None = None
    ) -> None:
        self.answers = list(answers)
        self.headers = {"Retry-After": retry_after} if retry_after else {}
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            return httpx.Response(answer, headers=self.headers)
        raise answer("sample")


@pytest.fixture
def waits_s() -> list[float]:
    return []


@pytest.fixture
def connect(waits_s: list[float]) -> Callable[[Server], ResultsCallback]:
    def build(server: Server) -> ResultsCallback:
        return ResultsCallback(
            ENDPOINT,
            TOKEN,
            "some_dag",
            transport=httpx.MockTransport(server),
            sleep=waits_s.append,
            clock=lambda: sum(waits_s),
        )

    return build


Connect = Callable[[Server], ResultsCallback]


def test_report_results_sends_token_and_body(connect: Connect) -> None:
    server = Server(200)

    with connect(server) as callback:
        callback.report_results("b", [{"type": "DICOM", "key": "k.dcm"}])

    (request,) = server.requests
    assert str(request.url) == ENDPOINT
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert json.loads(request.content) == {
        "dag_id": "some_dag",
        "result_file": "s3://b/k.dcm",
        "success": True,
        "results": [{"type": "DICOM", "key": "k.dcm"}],
    }


def test_callback_sends_the_trace_of_its_run() -> None:
    server = Server(200, 200)
    transport = httpx.MockTransport(server)

    with ResultsCallback(
        ENDPOINT, TOKEN, "some_dag", traceparent=TRACEPARENT, transport=transport
    ) as callback:
        callback.report_progress(25)
        callback.report_results("b", [])

    assert [request.headers["traceparent"] for request in server.requests] == [TRACEPARENT] * 2


@pytest.mark.parametrize(
    "traceparent", [None, 1, "", "Jane Doe", TRACEPARENT.upper(), f"{TRACEPARENT}\r\nA: b", "ü"]
)
def test_callback_is_sent_without_what_is_no_trace(traceparent: object) -> None:
    server = Server(200)

    with ResultsCallback(
        ENDPOINT, TOKEN, "some_dag", traceparent=traceparent, transport=httpx.MockTransport(server)
    ) as callback:
        callback.report_failure("The file is empty.")

    assert "traceparent" not in server.requests[0].headers


def test_callback_tells_of_one_end_however_often_it_is_tried(connect: Connect) -> None:
    server = Server(503, 503, 200)
    before = datetime.now(UTC)

    with connect(server) as callback:
        callback.report_results("b", [])

    [ended_at] = {request.headers["ScanHub-Ended-At"] for request in server.requests}
    assert before <= datetime.fromisoformat(ended_at) <= datetime.now(UTC)


def test_report_failure_sends_the_sentence(connect: Connect) -> None:
    server = Server(200)

    with connect(server) as callback:
        callback.report_failure("The file is empty.")

    assert json.loads(server.requests[0].content) == {
        "dag_id": "some_dag",
        "success": False,
        "error": "The file is empty.",
    }


def test_report_results_tries_again_with_back_off(connect: Connect, waits_s: list[float]) -> None:
    server = Server(httpx.ConnectError, 503, httpx.ReadTimeout, 502, 200)

    with connect(server) as callback:
        callback.report_results("b", [])

    assert len(server.requests) == 5
    assert waits_s == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_report_results_is_repeated_when_the_server_may_take_it_later(
    connect: Connect, status: int
) -> None:
    server = Server(status, status, 200)

    with connect(server) as callback:
        callback.report_results("b", [])

    assert len(server.requests) == 3


def test_report_results_gives_up_after_two_minutes(connect: Connect, waits_s: list[float]) -> None:
    server = Server(*[504] * 100)

    with connect(server) as callback, pytest.raises(CallbackLostError, match="status 504"):
        callback.report_results("b", [])

    assert waits_s == [0.5, 1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(
    ("retry_after", "wait_s"),
    [
        ("7", 7),
        ("0", 0.5),
        ("86400", 30),
        ("9" * 500, 30),
        ("Fri, 31 Dec 9998 23:59:59 GMT", 30),
        ("Mon, 23 Nov 2020 22:00:00 GMT", 0.5),
        ("Mon, 99 Foo 2026", 0.5),
        ("23 Nov 2026 22:00:00 -0000", 0.5),
        ("soon", 0.5),
    ],
)
def test_report_results_waits_as_the_server_asks_within_bounds(
    connect: Connect, waits_s: list[float], retry_after: str, wait_s: float
) -> None:
    with connect(Server(503, 200, retry_after=retry_after)) as callback:
        callback.report_results("b", [])

    assert waits_s == [wait_s]


@pytest.mark.parametrize(
    "answer", [307, 400, 401, 403, 404, 410, 413, 422, httpx.UnsupportedProtocol]
)
def test_report_results_does_not_repeat_what_cannot_succeed(
    connect: Connect, answer: int | type[httpx.HTTPError]
) -> None:
    server = Server(answer)

    with connect(server) as callback, pytest.raises(CallbackError) as caught:
        callback.report_results("b", [])

    assert type(caught.value) is CallbackError
    assert len(server.requests) == 1


def test_report_results_tells_that_the_run_has_ended_before(connect: Connect) -> None:
    with connect(Server(409)) as callback, pytest.raises(RunEndedError):
        callback.report_results("b", [])


@pytest.mark.parametrize("answer", [SLOW["head"], SLOW["body"], HUGE["chunks"]])
def test_callback_ends_when_the_answer_does_not(
    monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    # Given a server that sends without end, and no time for a second try
    monkeypatch.setattr(callback, "_TRY_S", 0.1)
    monkeypatch.setattr(callback, "_PROGRESS_S", 0.1)
    monkeypatch.setattr(callback, "_TOTAL_S", 0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with (
        SlowServer(answer) as server,
        ResultsCallback(f"http://{server.address}/", TOKEN, "some_dag") as sent,
    ):
        sent.report_progress(25)

        with pytest.raises(CallbackLostError):
            sent.report_results("b", [])


@pytest.mark.parametrize("answer", [200, 401, 503, httpx.ConnectError, httpx.ReadTimeout])
def test_report_progress_never_fails_and_never_repeats(
    connect: Connect, answer: int | type[httpx.HTTPError]
) -> None:
    server = Server(answer)

    with connect(server) as callback:
        callback.report_progress(25)

    assert json.loads(server.requests[0].content) == {"dag_id": "some_dag", "progress": 25}


def test_callback_never_logs_the_token(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    with connect(Server(httpx.ConnectError, 503, 401)) as callback:
        callback.report_progress(25)
        with pytest.raises(CallbackError) as caught:
            callback.report_results("b", [])

    assert "secret" not in caplog.text
    assert "secret" not in str(caught.value)
