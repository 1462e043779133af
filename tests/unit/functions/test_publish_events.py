import io
import json
from typing import Any

import pytest

from tests.fakes.ports import MemoryPorts
from tests.unit.functions.conftest import Invoke, load_event
from workflow_manager.domain.errors import InvalidInputError, UpstreamError


def sequence_number(event: dict[str, Any], index: int) -> str:
    return str(event["Records"][index]["dynamodb"]["SequenceNumber"])


def test_publish_events_tells_of_a_failed_workflow_in_order(
    invoke: Invoke, world: MemoryPorts
) -> None:
    answer = invoke("publish_events", load_event("publish_events", "workflow_failed"))

    told = [(each.name, each.data["to_state"]) for each in world.bus.notifications]
    assert answer == {"batchItemFailures": []}
    assert told == [
        ("dag_run.fail", "FAILED"),
        ("task.fail", "FAILED"),
        ("workflow.fail", "failed"),
    ]


def test_publish_events_tells_neither_reason_nor_actor_nor_request(
    invoke: Invoke, world: MemoryPorts, log: io.StringIO
) -> None:
    event = load_event("publish_events", "workflow_failed")
    for record in event["Records"]:
        record["dynamodb"]["NewImage"] |= {
            name: {"S": f"Jane Doe's {name}"} for name in ("reason", "actor", "request_id")
        }

    invoke("publish_events", event)

    told = json.dumps([each.to_cloud_event() for each in world.bus.notifications])
    assert len(world.bus.notifications) == 3
    assert "Jane" not in told + log.getvalue()


def test_publish_events_goes_on_from_the_first_that_was_not_taken(
    invoke: Invoke, world: MemoryPorts
) -> None:
    event = load_event("publish_events", "workflow_failed")
    world.bus.capacity = 1

    answer = invoke("publish_events", event)

    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence_number(event, 1)}]}


def test_publish_events_raises_when_nothing_was_taken(invoke: Invoke, world: MemoryPorts) -> None:
    world.bus.capacity = 0
    with pytest.raises(UpstreamError):
        invoke("publish_events", load_event("publish_events", "workflow_failed"))


def test_publish_events_stops_before_a_record_that_it_cannot_read(
    invoke: Invoke, world: MemoryPorts
) -> None:
    event = load_event("publish_events", "unreadable_record")

    answer = invoke("publish_events", event)

    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence_number(event, 1)}]}
    assert [each.name for each in world.bus.notifications] == ["dag_run.fail"]


@pytest.mark.parametrize("broken", [{}, {"dynamodb": {}}, {"dynamodb": {"NewImage": {}}}])
def test_publish_events_raises_when_the_first_record_cannot_be_read(
    invoke: Invoke, broken: dict[str, Any]
) -> None:
    # So that Lambda halves the batch until the record is alone.
    event = load_event("publish_events", "unreadable_record")
    event["Records"][0] = broken
    with pytest.raises(InvalidInputError):
        invoke("publish_events", event)
