from datetime import UTC, datetime, timedelta

import pytest

from tests.contracts.samples import make_workflow
from tests.fakes.ports import MemoryPorts
from tests.fakes.world import WORKFLOW_ID
from tests.unit.functions.conftest import Invoke, load_event, read_body


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
