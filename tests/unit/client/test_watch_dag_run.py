from collections.abc import Callable

import httpx
import pytest

from scanhub_workflow import Client, errors
from tests.fakes.result_server import FakeResultServer
from tests.fakes.upload_server import refuse
from tests.unit.client.conftest import FakeClock

MISSING = 404


class FakeRun:
    """A run that is asked again and again; None is a state that has not changed."""

    def __init__(self, *states: str | int | None) -> None:
        self.states = list(states)
        self.asked: list[str | None] = []
        self.requests: list[httpx.Request] = []
        self._server = FakeResultServer({})

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.asked.append(request.headers.get("If-None-Match"))
        state = self.states.pop(0)
        if state is None:
            return httpx.Response(304)
        if isinstance(state, int):
            return refuse(state, "Run not found.")
        self._server.state = state
        answer = self._server.answer_api(request)
        answer.headers["ETag"] = f'W/"{len(self.asked)}"'
        return answer


@pytest.mark.parametrize("end", ["SUCCEEDED", "FAILED", "CANCELLED"])
def test_every_change_is_told_until_the_end(
    make_client: Callable[..., Client], fake_clock: FakeClock, end: str
) -> None:
    # Given a run that changes twice
    run = FakeRun("PENDING", None, None, "RUNNING", None, end)

    # When it is watched
    seen = [each.state for each in make_client(run.answer).watch_dag_run("run-1")]

    # Then each change came once, and Airflow was never asked
    assert seen == ["PENDING", "RUNNING", end]
    assert run.asked == [None, 'W/"1"', 'W/"1"', 'W/"1"', 'W/"4"', 'W/"4"']
    assert fake_clock.sleeps == [1, 2, 4, 1, 2]
    assert {str(r.url.params) for r in run.requests} == {"task_instances=false"}


def test_run_of_an_upload_may_appear_later(
    make_client: Callable[..., Client], fake_clock: FakeClock
) -> None:
    # Given a run that exists once S3's event was handled
    run = FakeRun(MISSING, MISSING, MISSING, "PENDING", None, "SUCCEEDED")

    # When it is watched for long enough, then it is found, and asked for soon again
    watched = make_client(run.answer).watch_dag_run("run-1", appears_within_s=60)
    assert [each.state for each in watched] == ["PENDING", "SUCCEEDED"]
    assert fake_clock.sleeps == [1, 2, 4, 1, 2]


@pytest.mark.parametrize(("appears_within_s", "sleeps"), [(0, []), (5, [1, 2, 2])])
def test_run_that_does_not_appear_is_said(
    make_client: Callable[..., Client],
    fake_clock: FakeClock,
    appears_within_s: float,
    sleeps: list[float],
) -> None:
    # Given no run; when it is watched, then it is asked for a last time when the time is over
    run = FakeRun(*[MISSING] * 9)
    with pytest.raises(errors.NotFoundError, match="Run not found"):
        list(make_client(run.answer).watch_dag_run("run-1", appears_within_s=appears_within_s))
    assert fake_clock.sleeps == sleeps


def test_run_that_goes_is_not_waited_for(make_client: Callable[..., Client]) -> None:
    run = FakeRun("RUNNING", MISSING, "RUNNING")
    watched = make_client(run.answer).watch_dag_run("run-1", appears_within_s=60)
    assert next(watched).state == "RUNNING"
    with pytest.raises(errors.NotFoundError):
        next(watched)


def test_passing_outage_is_survived(make_client: Callable[..., Client]) -> None:
    run = FakeRun("RUNNING", 503, 502, 504, None, "SUCCEEDED")
    seen = [each.state for each in make_client(run.answer).watch_dag_run("run-1")]
    assert seen == ["RUNNING", "SUCCEEDED"]


@pytest.mark.parametrize("state", ["RUNNING", MISSING])
def test_watching_ends_in_time(
    make_client: Callable[..., Client], fake_clock: FakeClock, state: str | int
) -> None:
    # Given a run that does not end, or appear; when it is watched for 10 s, then not for longer
    run = FakeRun(state, *([None] * 6 if state == "RUNNING" else [MISSING] * 6))
    with pytest.raises(TimeoutError, match="watch it again"):
        list(make_client(run.answer).watch_dag_run("run-1", timeout_s=10, appears_within_s=99))
    assert fake_clock.at_s == 7
