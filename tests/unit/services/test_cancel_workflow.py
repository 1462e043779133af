import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    RECONSTRUCTION_ID,
    SCAN,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    follow,
    get_status,
    get_task,
    make_exam_task,
    make_raw_data,
    make_success,
    make_world,
)
from workflow_manager.domain.errors import (
    ConflictError,
)
from workflow_manager.domain.exam import TaskType
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.cancel_workflow import cancel_workflow
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import receive_results
from workflow_manager.services.retry_task import retry_task


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def test_cancel_workflow_cancels_every_task_that_has_not_ended(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    execution, message = call(cancel_workflow, world, WORKFLOW_ID, at(5))

    assert {task.status for task in execution.graph.tasks.values()} == {TaskStatus.CANCELLED}
    assert execution.graph.workflow.status == "cancelled"
    assert message.startswith("The workflow was cancelled, with 2 of its tasks.")
    assert "The scanner was not stopped" in message


def test_cancel_workflow_keeps_what_is_completed(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world)

    _, message = call(cancel_workflow, world, WORKFLOW_ID, at(20))

    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED
    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.CANCELLED
    assert message == (
        "The workflow was cancelled, with 1 of its tasks. "
        "Airflow has not confirmed yet that all its runs have stopped."
    )
    follow(world)
    assert len(world.orchestrator.cancelled) == 1


def test_cancel_workflow_takes_more_tasks_than_one_transaction_holds() -> None:
    tasks = [
        make_exam_task(f"task-{n}", TaskType.PROCESSING_TASK, n, args={"dag_id": "dag_reco"})
        for n in range(2, 42)
    ]
    world = make_world(SCAN, *tasks)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    execution, _ = call(cancel_workflow, world, WORKFLOW_ID, at(5))

    assert {task.status for task in execution.graph.tasks.values()} == {TaskStatus.CANCELLED}


def test_process_workflow_does_not_resume_what_was_cancelled(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    call(cancel_workflow, world, WORKFLOW_ID, at(5))

    with pytest.raises(ConflictError, match=f"task {SCAN_ID} was cancelled"):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(10))

    assert len(world.scan.starts) == 1


def test_retry_task_takes_a_cancelled_workflow_up_again(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    call(cancel_workflow, world, WORKFLOW_ID, at(5))

    call(retry_task, world, WORKFLOW_ID, SCAN_ID, TOKEN, at(10))
    deliver(world, make_raw_data())
    deliver_queue(world)
    run_id = get_task(world, RECONSTRUCTION_ID).dag_run_id or ""
    call(receive_results, world, callback_token(world, run_id), make_success(run_id), at(20))

    assert get_status(world) == "completed"
