from datetime import timedelta

import pytest

from tests.fakes.ports import MemoryPorts
from tests.fakes.world import SCAN_ID, WORKFLOW_ID
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.http.etags import LIVE_LIFETIME_S


def test_get_workflow_shows_tasks_and_events(invoke: Invoke) -> None:
    invoke("process_workflow", load_event("process_workflow", "success"))

    answer = invoke("get_workflow", load_event("get_workflow", "success"))

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert (body["workflow_id"], body["status"]) == (WORKFLOW_ID, "running")
    assert [task["status"] for task in body["tasks"]] == ["IN_PROGRESS", "PENDING"]
    assert [event["name"] for event in body["events"]] == ["define", "claim", "confirm_scan"]


def test_get_workflow_answers_304_until_something_changes(
    invoke: Invoke, world: MemoryPorts
) -> None:
    # Given
    invoke("process_workflow", load_event("process_workflow", "success"))
    event = load_event("get_workflow", "success")
    first = invoke("get_workflow", event)
    # When: the header comes twice, and then the scan has got on a quarter of a minute ago
    event["multiValueHeaders"]["If-None-Match"] = ['"other"', first["headers"]["etag"]]
    unchanged = invoke("get_workflow", event)
    world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(update={"progress": 40})
    now = world.clock() + timedelta(seconds=LIVE_LIFETIME_S)
    world.clock = lambda: now
    changed = invoke("get_workflow", event)
    # Then
    assert (first["statusCode"], unchanged["statusCode"], changed["statusCode"]) == (200, 304, 200)
    assert unchanged["body"] == ""
    assert unchanged["headers"]["etag"] == first["headers"]["etag"] != changed["headers"]["etag"]
    assert first["headers"]["cache-control"] == "private, no-cache"


def test_get_workflow_tells_how_long_to_wait_while_it_goes_on(
    invoke: Invoke, world: MemoryPorts
) -> None:
    # Given
    invoke("process_workflow", load_event("process_workflow", "success"))
    event = load_event("get_workflow", "success")
    begun_at = world.store.get_workflow(WORKFLOW_ID).updated_at  # type: ignore[union-attr]
    pauses = []

    def ask(seconds: float) -> None:
        world.clock = lambda: begun_at + timedelta(seconds=seconds)
        answer = invoke("get_workflow", event)
        event["multiValueHeaders"]["If-None-Match"] = [answer["headers"]["etag"]]
        pauses.append((answer["statusCode"], answer["headers"].get("retry-after")))

    # When: asked again at once, a minute and an hour later, and once it has ended
    for seconds in (0, 1, 60, 3600):
        ask(seconds)
    invoke("cancel_workflow", load_event("cancel_workflow", "success"))
    ask(3601)

    # Then
    assert pauses[0] == (200, "1")
    assert pauses[1] == (304, "1")
    assert [pause for _, pause in pauses[2:]] == ["10", "10", None]


def test_get_workflow_lets_a_client_ask_the_oftener_the_nearer_the_end_is(
    invoke: Invoke, world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a scan that was half done after 72 of 144 s, which a client has seen then
    invoke("process_workflow", load_event("process_workflow", "success"))
    event = load_event("get_workflow", "success")
    begun_at = world.store.get_workflow(WORKFLOW_ID).updated_at  # type: ignore[union-attr]
    # The clock counts periods, so begin at the beginning of one.
    begun_at += timedelta(seconds=-begun_at.timestamp() % LIVE_LIFETIME_S + 3)
    task = world.store.get_task(WORKFLOW_ID, SCAN_ID)
    assert task is not None and task.times is not None
    begun = task.evolve(times=task.times.model_copy(update={"started_at": begun_at}))
    world.store.commit([begun])
    world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(update={"progress": 50})
    answers = []

    def ask(seconds: float, tag: str | None) -> str:
        world.clock = lambda: begun_at + timedelta(seconds=seconds)
        event["multiValueHeaders"]["If-None-Match"] = [tag] if tag else []
        headers = invoke("get_workflow", event)["headers"]
        answers.append(int(headers["retry-after"]))
        return str(headers["etag"])

    tag = ask(72, None)
    # When: what it has is still good for some seconds, and nothing but the workflow is read
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "list_tasks", None)
        known = ask(84, tag)
    # Then by and by, as the scan goes on, and then stalls
    for seconds, percent in ((108, 75), (130, 90), (140, 97), (155, 97), (170, 97)):
        update = {"progress": percent}
        world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(update=update)
        known = ask(seconds, known)

    # Then it was told to wait for three tenths of what was left, or of the delay, 1 to 10 s
    assert answers == [10, 10, 10, 4, 1, 3, 8]


@pytest.mark.parametrize("time", ["", "0", "zz", "-1", "f" * 9, "f" * 12, "6567.1"])
def test_strange_time_in_a_tag_does_no_harm(invoke: Invoke, world: MemoryPorts, time: str) -> None:
    invoke("process_workflow", load_event("process_workflow", "success"))
    event = load_event("get_workflow", "success")
    shown, version = invoke("get_workflow", event)["headers"]["etag"].strip('W/"').split(".")
    event["multiValueHeaders"]["If-None-Match"] = [f'W/"{shown}.{version}.{time}"']

    answer = invoke("get_workflow", event)

    assert answer["statusCode"] == 304
    assert 1 <= int(answer["headers"]["retry-after"]) <= 10


def test_get_workflow_does_not_read_the_trail_for_a_304(
    invoke: Invoke, world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke("process_workflow", load_event("process_workflow", "success"))
    event = load_event("get_workflow", "success")
    event["multiValueHeaders"]["If-None-Match"] = ["*"]
    monkeypatch.setattr(world.store, "list_last_events", None)

    assert invoke("get_workflow", event)["statusCode"] == 304


def test_get_workflow_answers_404_for_an_unknown_workflow(invoke: Invoke) -> None:
    event = load_event("get_workflow", "unknown_workflow")
    event["multiValueHeaders"]["If-None-Match"] = ["*"]

    assert invoke("get_workflow", event)["statusCode"] == 404
