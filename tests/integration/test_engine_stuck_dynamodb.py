"""On AWS's own DynamoDB: one item never stops another."""

from typing import Any

import pytest

from tests.fakes.stuck import Stuck, list_unserved, make_hospital, take_turns
from workflow_manager.settings import Settings
from workflow_manager.stores.dynamodb import DynamoDBStore


@pytest.mark.parametrize(
    ("kind", "operation", "fault"),
    [
        ("overdue_run", "store.commit", "kills"),
        ("overdue_scan", "exam.get_task", "hangs for a minute"),
        ("run_to_stop", "orchestrator.cancel_dag_run", "uses up the turn"),
        ("pending_run", "queue.send_start", "kills"),
        ("lost_callback", "orchestrator.list_dag_runs", "answers garbage"),
        ("due_report", "exam.report_task", "refuses"),
    ],
)
def test_healthy_items_are_served_within_two_turns(
    dynamodb_local: Any, settings: Settings, kind: str, operation: str, fault: str
) -> None:
    world = make_hospital(kind, store=DynamoDBStore(dynamodb_local, settings))
    take_turns(world, Stuck("stuck", operation, fault), 2)
    assert list_unserved(world) == []
