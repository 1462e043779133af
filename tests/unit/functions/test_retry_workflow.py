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
    get_task,
    make_exam_task,
    make_raw_data,
    make_success,
    make_world,
)
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.errors import UpstreamUnreachableError
from workflow_manager.domain.exam import TaskType
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.cancel_task import cancel_task
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results
from workflow_manager.services.retry_workflow import (
    BEHIND,
    FAILED_LATER,
    JUST_FAILED,
    START_IT_YOURSELF,
    RetriedWorkflow,
    retry_workflow,
)
from workflow_manager.steps.tasks.fail_task import fail_task

OTHER_ID = "9a5e6d1f-1c8a-4c3b-9f64-5a1f0e9d3b04"
LAST_ID = "9b5e6d1f-1c8a-4c3b-9f64-5a1f0e9d3b05"
OTHER = RECONSTRUCTION.model_copy(update={"id": OTHER_ID})
LAST = make_exam_task(
    LAST_ID,
    TaskType.PROCESSING_TASK,
    9,
    destinations={"dag_id": "cartesian_reconstruction"},
    args={"input_task_ids": f'["{RECONSTRUCTION_ID}", "{OTHER_ID}"]'},
)


@pytest.fixture
def world() -> MemoryPorts:
    """Return a diamond whose scan is there and of whose reconstructions one has failed."""
    world = make_world(SCAN, RECONSTRUCTION, OTHER, LAST)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world)
    end(world, OTHER_ID, 40)
    fail(world, RECONSTRUCTION_ID, 50)
    return world


def end(world: MemoryPorts, task_id: str, seconds: float) -> None:
    run_id = get_task(world, task_id).dag_run_id or ""
    call(receive_results, world, callback_token(world, run_id), make_success(run_id), at(seconds))


def fail(world: MemoryPorts, task_id: str, seconds: float) -> None:
    run_id = get_task(world, task_id).dag_run_id or ""
    said = Callback(success=False, error="out of memory")
    call(receive_results, world, callback_token(world, run_id), said, at(seconds))


def retry(world: MemoryPorts, seconds: float, failed_by: float | None = None) -> RetriedWorkflow:
    known = at(failed_by).at if failed_by is not None else None
    return call(retry_workflow, world, WORKFLOW_ID, TOKEN, at(seconds), known)


def attempts(world: MemoryPorts) -> list[int]:
    return [get_task(world, each).attempt for each in (SCAN_ID, RECONSTRUCTION_ID, OTHER_ID)]


def test_retry_workflow_starts_what_has_failed_and_keeps_the_rest(
    invoke: Invoke, world: MemoryPorts
) -> None:
    answer = invoke("retry_workflow", load_event("retry_workflow", "success"))

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert body["started"] == [RECONSTRUCTION_ID]
    assert body["not_started"] == []
    assert body["message"] == "1 of the failed tasks was started again."
    assert attempts(world) == [1, 2, 1]
    assert get_task(world, OTHER_ID).status == "COMPLETED"
    # Then it goes on by itself.
    deliver_queue(world, 100)
    end(world, RECONSTRUCTION_ID, 110)
    assert get_task(world, LAST_ID).status == "IN_PROGRESS"


def test_retry_workflow_again_begins_nothing_twice(world: MemoryPorts) -> None:
    assert retry(world, 100).started == (RECONSTRUCTION_ID,)
    again = retry(world, 101)
    assert (again.started, again.not_started) == ((), {})
    deliver_queue(world, 102)
    fail(world, RECONSTRUCTION_ID, 105)

    assert retry(world, 106).not_started == {RECONSTRUCTION_ID: JUST_FAILED}
    assert retry(world, 500, failed_by=60).not_started == {RECONSTRUCTION_ID: FAILED_LATER}
    assert attempts(world) == [1, 2, 1]
    assert retry(world, 500, failed_by=400).started == (RECONSTRUCTION_ID,)
    assert attempts(world) == [1, 3, 1]


def test_retry_workflow_never_starts_a_scan(world: MemoryPorts) -> None:
    world = make_world()
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    call(fail_task, world, get_task(world, SCAN_ID), "No word.", at(20))
    n_started = len(world.scan.starts)

    retried = retry(world, 500)

    assert (retried.started, retried.not_started) == ((), {SCAN_ID: START_IT_YOURSELF})
    assert (len(world.scan.starts), get_task(world, SCAN_ID).attempt) == (n_started, 1)


def test_retry_workflow_leaves_what_is_behind_to_follow_and_what_was_cancelled(
    world: MemoryPorts,
) -> None:
    retry(world, 100)
    deliver_queue(world, 101)
    end(world, RECONSTRUCTION_ID, 110)
    deliver_queue(world, 111)
    fail(world, LAST_ID, 120)
    # Its input is made anew, and fails.
    world.store.commit([get_task(world, OTHER_ID).evolve(status=TaskStatus.FAILED)])

    retried = retry(world, 200)

    assert retried.started == (OTHER_ID,)
    assert retried.not_started == {LAST_ID: BEHIND.format(task_id=OTHER_ID)}
    assert get_task(world, LAST_ID).status == "PENDING"
    call(cancel_task, world, WORKFLOW_ID, OTHER_ID, at(210))
    assert retry(world, 300).started == ()


def test_retry_workflow_starts_nothing_while_exam_manager_is_away(world: MemoryPorts) -> None:
    world.exam.fail_with["get_task"] = UpstreamUnreachableError("Exam-manager is away.")
    with pytest.raises(UpstreamUnreachableError):
        retry(world, 100)
    assert attempts(world) == [1, 1, 1]
