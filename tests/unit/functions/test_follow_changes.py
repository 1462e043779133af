import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import SCAN_ID, TOKEN, WORKFLOW_ID, at, get_task
from tests.unit.functions.conftest import Invoke, load_event
from workflow_manager.domain.errors import UpstreamUnreachableError
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.services.cancel_task import cancel_task
from workflow_manager.services.process_workflow import process_workflow

ALL_HANDLED = {"batchItemFailures": []}


@pytest.fixture
def cancelled(world: MemoryPorts) -> MemoryPorts:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    call(cancel_task, world, WORKFLOW_ID, SCAN_ID, at(5))
    return world


def test_follow_changes_tells_exam_manager(invoke: Invoke, cancelled: MemoryPorts) -> None:
    assert invoke("follow_changes", load_event("follow_changes", "success")) == ALL_HANDLED

    assert cancelled.exam.tasks[SCAN_ID].status is ItemStatus.NEW
    assert not get_task(cancelled, SCAN_ID).is_mirror_due


def test_follow_changes_tells_again_what_may_have_broken_off(
    invoke: Invoke, cancelled: MemoryPorts
) -> None:
    invoke("follow_changes", load_event("follow_changes", "success"))
    n_reports = len(cancelled.exam.reports)

    invoke("follow_changes", load_event("follow_changes", "delivered_again"))

    assert len(cancelled.exam.reports) == n_reports + 1


def test_follow_changes_is_done_whatever_exam_manager_does(
    invoke: Invoke, cancelled: MemoryPorts
) -> None:
    cancelled.exam.fail_with["report_task"] = UpstreamUnreachableError("away")

    assert invoke("follow_changes", load_event("follow_changes", "success")) == ALL_HANDLED

    assert get_task(cancelled, SCAN_ID).is_mirror_due


@pytest.mark.parametrize("case", ["success", "runs_cancelled"])
def test_follow_changes_is_done_with_what_is_gone(invoke: Invoke, case: str) -> None:
    assert invoke("follow_changes", load_event("follow_changes", case)) == ALL_HANDLED


def test_follow_changes_gives_back_poison_only(invoke: Invoke, cancelled: MemoryPorts) -> None:
    event = load_event("follow_changes", "poison")
    event["Records"] += load_event("follow_changes", "success")["Records"]
    event["Records"][0]["messageId"] = "poison"

    answer = invoke("follow_changes", event)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "poison"}]}
    assert not get_task(cancelled, SCAN_ID).is_mirror_due
