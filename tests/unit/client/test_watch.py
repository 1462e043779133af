from collections.abc import Callable

import httpx
import pytest

from scanhub_workflow import Client, errors
from tests.unit.client.conftest import FakeClock

AT = "2026-11-23T22:00:00Z"


class FakeWorkflow:
    """A workflow that is asked again and again; None is a state that has not changed."""

    def __init__(self, *states: str | None) -> None:
        self.states = list(states)
        self.asked: list[str | None] = []
        self.etag = ""

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.headers.get("If-None-Match"))
        state = self.states.pop(0)
        if state is None:
            return httpx.Response(304, headers={"ETag": self.etag})
        self.etag = f'W/"{len(self.asked)}"'
        body = {"workflow_id": "w", "exam_id": None, "status": state, "auto_advance": True}
        body |= {"created_at": AT, "updated_at": AT, "tasks": [], "events": []}
        return httpx.Response(200, json=body, headers={"ETag": self.etag})


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_every_change_is_told_until_the_end(
    make_client: Callable[..., Client], fake_clock: FakeClock, end: str
) -> None:
    # Given a workflow that changes twice
    workflow = FakeWorkflow("running", None, None, "running", None, end)

    # When it is watched
    seen = [each.status for each in make_client(workflow.answer).watch("w")]

    # Then each change came once, asked for with the tag of the one before
    assert seen == ["running", "running", end]
    assert workflow.asked == [None, 'W/"1"', 'W/"1"', 'W/"1"', 'W/"4"', 'W/"4"']
    assert fake_clock.sleeps == [1, 2, 4, 1, 2]


def test_newer_tag_of_a_304_is_asked_with(
    make_client: Callable[..., Client], fake_clock: FakeClock
) -> None:
    workflow = FakeWorkflow("running", None, None, "completed")

    def answer(request: httpx.Request) -> httpx.Response:
        answer = workflow.answer(request)
        answer.headers["ETag"] = workflow.etag = f'W/"shown.{len(workflow.asked)}"'
        return answer

    list(make_client(answer).watch("w"))
    assert workflow.asked == [None, *(f'W/"shown.{n}"' for n in (1, 2, 3))]


def test_the_wait_is_bounded(make_client: Callable[..., Client], fake_clock: FakeClock) -> None:
    workflow = FakeWorkflow("pending", *[None] * 6, "completed")
    list(make_client(workflow.answer).watch("w"))
    assert fake_clock.sleeps == [1, 2, 4, 8, 10, 10, 10]


@pytest.mark.parametrize(
    ("asked_s", "sleeps"), [("0", [1, 2, 1]), ("4", [4, 4, 4]), ("3600", [10, 10, 10])]
)
def test_watch_waits_as_long_as_the_api_says_and_never_longer_than_before(
    make_client: Callable[..., Client], fake_clock: FakeClock, asked_s: str, sleeps: list[float]
) -> None:
    workflow = FakeWorkflow("running", None, "running", "completed")

    def answer(request: httpx.Request) -> httpx.Response:
        answer = workflow.answer(request)
        answer.headers["Retry-After"] = asked_s
        return answer

    list(make_client(answer).watch("w"))
    assert fake_clock.sleeps == sleeps


def test_watching_ends_in_time(make_client: Callable[..., Client], fake_clock: FakeClock) -> None:
    # Given a workflow that does not end
    workflow = FakeWorkflow("running", *[None] * 6)

    # When it is watched for 10 s, then not for longer
    with pytest.raises(TimeoutError, match="it goes on"):
        list(make_client(workflow.answer).watch("w", timeout_s=10))
    assert fake_clock.at_s == 7


def test_unknown_workflow_is_said(make_client: Callable[..., Client]) -> None:
    client = make_client(lambda _: httpx.Response(404, json={"detail": "Workflow not found."}))
    with pytest.raises(errors.NotFoundError, match="Workflow not found"):
        next(client.watch("w"))


def test_watch_outlives_an_outage(
    make_client: Callable[..., Client], fake_clock: FakeClock
) -> None:
    # Given an API that is away for some minutes after its first answer
    workflow = FakeWorkflow("running", "completed")
    n_asked = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal n_asked
        n_asked += 1
        if 1 < n_asked < 40:
            raise httpx.ConnectError("no route")
        return workflow.answer(request)

    # When the workflow is watched, then to its end
    assert [each.status for each in make_client(answer).watch("w")] == ["running", "completed"]
    assert fake_clock.at_s > 60


@pytest.mark.parametrize("n_good", [0, 1])
def test_outage_that_lasts_ends_a_watch(make_client: Callable[..., Client], n_good: int) -> None:
    workflow = FakeWorkflow("running")
    n_asked = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal n_asked
        n_asked += 1
        return workflow.answer(request) if n_asked <= n_good else httpx.Response(503)

    with pytest.raises(errors.ServerError):
        list(make_client(answer).watch("w"))
