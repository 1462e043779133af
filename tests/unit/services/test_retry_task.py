import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    RECONSTRUCTION,
    RECONSTRUCTION_ID,
    SCAN,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    get_status,
    get_task,
    make_raw_data,
    make_success,
    make_world,
)
from workflow_manager.domain.errors import NotFoundError
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results
from workflow_manager.services.retry_task import retry_task


@pytest.fixture
def world() -> MemoryPorts:
    world = make_world()
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world)
    return world


def call_back(world: MemoryPorts, callback: Callback, seconds: float) -> None:
    run_id = get_task(world, RECONSTRUCTION_ID).dag_run_id or ""
    call(receive_results, world, callback_token(world, run_id), callback, at(seconds))


def test_retry_task_starts_a_new_run_with_a_new_id(world: MemoryPorts) -> None:
    first = get_task(world, RECONSTRUCTION_ID)
    call_back(world, Callback(success=False, error="out of memory"), 20)

    task = call(retry_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, TOKEN, at(30))
    deliver_queue(world, 31)

    assert (task.status, task.attempt) == (TaskStatus.IN_PROGRESS, first.attempt + 1)
    assert task.dag_run_id != first.dag_run_id
    assert len(world.orchestrator.dag_runs) == 2
    call_back(world, make_success(task.dag_run_id or ""), 40)
    assert get_status(world) == "completed"


def test_retry_task_of_a_scan_starts_the_scanner_once_more(world: MemoryPorts) -> None:
    call(retry_task, world, WORKFLOW_ID, SCAN_ID, TOKEN, at(30))

    assert len(world.scan.starts) == 2
    assert get_task(world, SCAN_ID).attempt == 2


def test_retry_task_follows_what_was_mended_in_exam_manager(world: MemoryPorts) -> None:
    call_back(world, Callback(success=False, error="wrong DAG"), 20)
    mended = RECONSTRUCTION.model_copy(update={"destinations": {"dag_id": "dag_reco"}})
    world.exam.tasks[RECONSTRUCTION_ID] = mended
    known = world.exam.workflows[WORKFLOW_ID]
    world.exam.workflows[WORKFLOW_ID] = known.model_copy(update={"tasks": [SCAN, mended]})

    task = call(retry_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, TOKEN, at(30))

    run = world.store.get_dag_run(task.dag_run_id or "")
    assert run is not None and run.dag_id == "dag_reco"


def test_retry_task_refuses_a_task_of_another_workflow(world: MemoryPorts) -> None:
    with pytest.raises(NotFoundError):
        call(retry_task, world, "another-workflow", SCAN_ID, TOKEN, at(30))
    assert len(world.scan.starts) == 1
