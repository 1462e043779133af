import pytest

from tests.fakes.ports import MemoryPorts
from tests.fakes.world import SCAN_ID, TOKEN, WORKFLOW_ID, at, make_world
from workflow_manager.domain.errors import UpstreamRefusedError, UpstreamTimeoutError
from workflow_manager.http.schemas import WorkflowView
from workflow_manager.services.get_workflow import get_workflow
from workflow_manager.services.process_workflow import process_workflow


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def test_get_workflow_shows_a_workflow_that_was_never_processed(world: MemoryPorts) -> None:
    view = WorkflowView.of(*get_workflow(world, WORKFLOW_ID, at(0)))

    assert view.status == "pending"
    assert [task.status for task in view.tasks] == ["PENDING", "PENDING"]
    assert world.store.get_execution(WORKFLOW_ID) is None


def test_get_workflow_shows_state_and_audit_trail(world: MemoryPorts) -> None:
    process_workflow(world, WORKFLOW_ID, TOKEN, at(0))

    view = WorkflowView.of(*get_workflow(world, WORKFLOW_ID, at(1)))

    assert view.status == "running"
    assert [event.name for event in view.events] == ["define", "claim", "confirm_scan"]
    assert view.events[1].actor == "operator"


def test_get_workflow_shows_the_scans_progress_from_exam_manager(world: MemoryPorts) -> None:
    process_workflow(world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(update={"progress": 40})

    execution, _ = get_workflow(world, WORKFLOW_ID, at(1))

    assert execution.tasks[SCAN_ID].progress == 40


def test_get_workflow_answers_while_exam_manager_is_down(world: MemoryPorts) -> None:
    process_workflow(world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.fail_with["get_task"] = UpstreamTimeoutError("late")

    execution, _ = get_workflow(world, WORKFLOW_ID, at(1))

    assert execution.tasks[SCAN_ID].progress == 0


def test_get_workflow_passes_on_that_a_workflow_is_unknown(world: MemoryPorts) -> None:
    with pytest.raises(UpstreamRefusedError) as caught:
        get_workflow(world, "unknown", at(0))

    assert caught.value.status == 404
