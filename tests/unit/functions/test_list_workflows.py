from datetime import UTC, datetime, timedelta

import pytest

from tests.contracts.samples import make_workflow
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    RECONSTRUCTION_ID,
    SCAN_ARGS,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    get_task,
    make_raw_data,
    make_success,
)
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.errors import StoreUnavailableError, UpstreamUnreachableError
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results

FAR = "2026-12-01"


def ask(**query: str) -> dict[str, object]:
    parameters = {name.rstrip("_"): [value] for name, value in query.items()}
    event = load_event("list_workflows", "defaults")
    return event | {"multiValueQueryStringParameters": parameters}


def test_list_workflows_shows_what_was_processed(invoke: Invoke) -> None:
    invoke("process_workflow", load_event("process_workflow", "success"))

    answer = invoke("list_workflows", load_event("list_workflows", "defaults"))

    body = read_body(answer)
    [workflow] = body["workflows"]
    assert answer["statusCode"] == 200
    assert body["next_cursor"] is None
    assert set(workflow) == {"workflow_id", "exam_id", "status", "created_at", "updated_at"}
    assert (workflow["workflow_id"], workflow["status"]) == (WORKFLOW_ID, "running")


def test_list_workflows_goes_page_by_page(invoke: Invoke, world: MemoryPorts) -> None:
    now = datetime.now(UTC)
    times = {f"workflow-{n}": now - timedelta(days=n) for n in range(3)}
    world.store.commit([make_workflow(name, created_at=at) for name, at in times.items()])

    first = read_body(invoke("list_workflows", ask(limit="2")))
    second = read_body(invoke("list_workflows", ask(limit="2", cursor=first["next_cursor"])))

    shown = [workflow["workflow_id"] for workflow in first["workflows"] + second["workflows"]]
    assert shown == ["workflow-0", "workflow-1", "workflow-2"]
    assert second["next_cursor"] is None


def test_list_workflows_filters_by_status(invoke: Invoke) -> None:
    invoke("process_workflow", load_event("process_workflow", "success"))

    assert len(read_body(invoke("list_workflows", ask(status="running")))["workflows"]) == 1
    assert read_body(invoke("list_workflows", ask(status="failed")))["workflows"] == []


def test_list_workflows_takes_in_the_day_that_the_period_ends_with(
    invoke: Invoke, world: MemoryPorts
) -> None:
    late = datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)
    world.store.commit([make_workflow(created_at=late)])

    for to, n_shown in (("2026-11-23", 1), ("2026-11-23T12:00", 0), ("2026-11-24T00:59:59Z", 1)):
        body = read_body(invoke("list_workflows", ask(from_="2026-11-23", to=to)))
        assert len(body["workflows"]) == n_shown


@pytest.mark.parametrize(
    "query",
    [
        {"status": "unheard-of"},
        {"limit": "0"},
        {"limit": "101"},
        {"cursor": "x"},
        {"from_": "yesterday"},
        {"from_": "2026-11-23T10:00:00 01:00"},
        {"from_": "2026-11-23", "to": "2026-11-22"},
        {"from_": "2025-11-01", "to": "2026-11-23"},
        {"to": "0001-01-01"},
        {"to": "9999-12-31"},
        {"from_": "0001-01-01T00:00:00+10:00", "to": "0001-01-02"},
    ],
    ids=str,
)
def test_list_workflows_refuses_what_cannot_be_asked_for(
    invoke: Invoke, query: dict[str, str]
) -> None:
    assert invoke("list_workflows", ask(**query))["statusCode"] == 422


def test_board_shows_each_workflow_with_its_tasks(invoke: Invoke, world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    [shown] = read_body(invoke("list_workflows", ask(include="tasks", to=FAR)))["workflows"]

    assert [each["task_id"] for each in shown["tasks"]] == [SCAN_ID, RECONSTRUCTION_ID]
    assert shown["tasks"][0]["device_id"] == SCAN_ARGS["device_id"]
    assert shown["tasks"][1]["waits_for"] == {"reason": None, "task_ids": [SCAN_ID]}


def test_workflows_are_found_by_their_scanner(invoke: Invoke, world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    found = [
        read_body(invoke("list_workflows", ask(device_id=each, to=FAR)))["workflows"]
        for each in (SCAN_ARGS["device_id"], "another")
    ]
    assert [len(each) for each in found] == [1, 0]


def test_board_answers_304_until_something_shown_has_changed(
    invoke: Invoke, world: MemoryPorts
) -> None:
    tags: list[str] = []

    def look() -> int:
        event = ask(include="tasks", to=FAR)
        event["multiValueHeaders"] = {
            **event["multiValueHeaders"],  # type: ignore[dict-item]
            "If-None-Match": tags[-1:] or ['"none"'],
        }
        answer = invoke("list_workflows", event)
        tags.append(answer["headers"]["etag"])
        return int(answer["statusCode"])

    def steps() -> list[int]:
        return [look(), look()]

    # When it is processed, its data comes, its run waits and is taken, gets on, and ends
    assert steps() == [200, 304]
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    assert steps() == [200, 304]
    deliver(world, make_raw_data())
    assert steps() == [200, 304]
    world.orchestrator.fail_with["trigger_dag_run"] = UpstreamUnreachableError("Airflow is away.")
    run_id = get_task(world, RECONSTRUCTION_ID).dag_run_id or ""
    deliver_queue(world, 20)
    assert steps() == [200, 304]
    world.orchestrator.fail_with.clear()
    world.queue.dag_run_ids.append(run_id)
    deliver_queue(world, 200)
    assert steps() == [200, 304]
    token = callback_token(world, run_id)
    call(receive_results, world, token, Callback(progress=40), at(210))
    assert steps() == [200, 304]
    call(receive_results, world, token, make_success(run_id), at(220))
    assert steps() == [200, 304]
    assert len(set(tags)) == 7


def test_304_of_the_board_reads_no_tasks(
    invoke: Invoke, world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    monkeypatch.setattr(world.store, "list_tasks", None)
    event = ask(include="tasks", to=FAR)
    event["multiValueHeaders"] = {**event["multiValueHeaders"], "If-None-Match": ["*"]}  # type: ignore[dict-item]

    assert invoke("list_workflows", event)["statusCode"] == 304


def test_board_without_all_tasks_is_an_error(
    invoke: Invoke, world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    def fail(workflow_id: str) -> None:
        raise StoreUnavailableError(workflow_id)

    monkeypatch.setattr(world.store, "list_tasks", fail)
    assert invoke("list_workflows", ask(include="tasks", to=FAR))["statusCode"] == 503
