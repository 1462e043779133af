"""What happens around the start of a scan while others act."""

from collections.abc import Callable

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION_ID,
    SCAN,
    SCAN_ARGS,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    follow,
    get_task,
    make_exam_task,
    make_raw_data,
    make_success,
    make_world,
)
from workflow_manager.domain.errors import (
    ConflictError,
    DeviceStartError,
    MissingPermissionError,
    UpstreamTimeoutError,
)
from workflow_manager.domain.exam import DeviceTask, ItemStatus, TaskType
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.cancel_task import cancel_task
from workflow_manager.services.create_upload import UploadRequest, create_upload
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import receive_results
from workflow_manager.services.retry_task import retry_task
from workflow_manager.services.trigger_task import trigger_task


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def do_first(world: MemoryPorts, operation: str, act: Callable[[], None]) -> None:
    """Let something happen once, right before an operation of the scan client."""
    done = getattr(world.scan, operation)
    pending = [act]

    def overtaken(*arguments: object) -> object:
        while pending:
            pending.pop()()
        return done(*arguments)

    setattr(world.scan, operation, overtaken)


def test_scan_that_is_cancelled_before_its_start_is_sent_is_not_started(
    world: MemoryPorts,
) -> None:
    do_first(world, "start", lambda: call(cancel_task, world, WORKFLOW_ID, SCAN_ID, at(1)) and None)

    with pytest.raises(ConflictError, match="Not started: the task was cancelled"):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert world.scan.starts == []
    # Exam-manager, which was told of a start, hears of the end after all.
    follow(world)
    assert world.exam.tasks[SCAN_ID].status is ItemStatus.NEW


def test_scan_whose_claim_may_not_be_read_again_is_not_started_and_no_device_is_blamed(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise MissingPermissionError

    monkeypatch.setattr(world.store, "get_task", refuse)

    with pytest.raises(MissingPermissionError):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert world.scan.starts == []
    task = get_task(world, SCAN_ID)
    assert (task.status, task.reason) == (TaskStatus.FAILED, MissingPermissionError().detail)


def test_scan_that_is_cancelled_and_started_anew_meanwhile_is_started_once(
    world: MemoryPorts,
) -> None:
    def cancel_and_retry() -> None:
        call(cancel_task, world, WORKFLOW_ID, SCAN_ID, at(1))
        call(trigger_task, world, SCAN_ID, TOKEN, at(2))

    do_first(world, "start", cancel_and_retry)

    with pytest.raises(ConflictError):
        call(trigger_task, world, SCAN_ID, TOKEN, at(0))

    assert len(world.scan.starts) == 1
    assert (get_task(world, SCAN_ID).status, get_task(world, SCAN_ID).attempt) == (
        TaskStatus.IN_PROGRESS,
        2,
    )


def test_scan_that_is_cancelled_while_it_starts_says_that_the_scanner_runs(
    world: MemoryPorts,
) -> None:
    start = world.scan.start

    def start_slowly(
        task_type: TaskType, device_task: DeviceTask, check: Callable[[], None]
    ) -> None:
        start(task_type, device_task, check)
        call(cancel_task, world, WORKFLOW_ID, SCAN_ID, at(1))

    world.scan.start = start_slowly  # type: ignore[method-assign]

    with pytest.raises(ConflictError, match="The scanner was not stopped"):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert get_task(world, SCAN_ID).status is TaskStatus.CANCELLED


def test_repeated_process_starts_no_other_scan_after_one_that_was_not_confirmed() -> None:
    other = make_exam_task(
        "other", TaskType.DEVICE_TASK_SDK, 2, args={**SCAN_ARGS, "input_task_ids": "[]"}
    )
    world = make_world(SCAN, other)
    world.scan.start_error = UpstreamTimeoutError("No answer.")
    with pytest.raises(DeviceStartError):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    with pytest.raises(ConflictError, match=f"task {SCAN_ID} has failed"):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(1))

    assert len(world.scan.starts) == 1


def test_scan_is_refused_when_its_workflow_is_moved_to_another_exam_in_between(
    world: MemoryPorts,
) -> None:
    # Given a conflict after the limits of the first patient were loaded
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    get_patient = world.scan.get_patient

    def move(patient_id: str) -> object:
        workflow = world.exam.workflows[WORKFLOW_ID]
        world.exam.exams["exam-2"] = world.exam.exams["exam-1"].model_copy(update={"id": "exam-2"})
        world.exam.workflows[WORKFLOW_ID] = workflow.model_copy(update={"exam_id": "exam-2"})
        execution = world.store.get_execution(WORKFLOW_ID)
        assert execution is not None
        execution.set_auto_advance(at(19), is_on=False)
        world.store.commit(execution.changes.entities, execution.changes.events)
        return get_patient(patient_id)

    world.scan.get_patient = move  # type: ignore[method-assign,assignment]

    with pytest.raises(ConflictError, match="another exam"):
        call(trigger_task, world, SCAN_ID, TOKEN, at(20))

    assert len(world.scan.starts) == 1


def test_second_retry_does_not_start_what_the_first_left_unconfirmed(world: MemoryPorts) -> None:
    world.scan.start_error = UpstreamTimeoutError("No answer.")
    with pytest.raises(DeviceStartError):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    get_exam_task = world.exam.get_task
    pending = [True]

    def overtaken(task_id: str) -> object:
        if pending:
            pending.clear()
            with pytest.raises(DeviceStartError):
                call(retry_task, world, WORKFLOW_ID, SCAN_ID, TOKEN, at(11))
        return get_exam_task(task_id)

    world.exam.get_task = overtaken  # type: ignore[method-assign,assignment]

    with pytest.raises(ConflictError, match="Another call started the task"):
        call(retry_task, world, WORKFLOW_ID, SCAN_ID, TOKEN, at(10))

    assert len(world.scan.starts) == 2


def test_reconstruction_runs_on_the_old_data_after_a_rescan_that_was_cancelled(
    world: MemoryPorts,
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(15))
    call(trigger_task, world, SCAN_ID, TOKEN, at(20))
    call(cancel_task, world, WORKFLOW_ID, SCAN_ID, at(21))

    call(trigger_task, world, RECONSTRUCTION_ID, TOKEN, at(22))

    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.IN_PROGRESS


def test_data_finds_a_scan_that_was_added_after_the_workflow_was_processed(
    world: MemoryPorts,
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    added = make_exam_task("added", TaskType.DEVICE_TASK_SDK, 9, args=SCAN_ARGS)
    workflow = world.exam.workflows[WORKFLOW_ID]
    tasks = [*workflow.tasks, added]
    world.exam.add_workflow(workflow.model_copy(update={"tasks": tasks}))

    call(create_upload, world, UploadRequest("raw.h5", 100, task_id="added"), at(5))
    data = make_raw_data()
    key = data.key.replace(SCAN_ID, "added")
    deliver(world, data.model_copy(update={"key": key}))

    assert get_task(world, "added").status is TaskStatus.COMPLETED


def test_scan_with_very_many_tasks_behind_it_completes_and_all_of_them_run() -> None:
    args = {"dag_id": DAG_ID, "input_task_ids": f'["{SCAN_ID}"]'}
    behind = [
        make_exam_task(f"behind-{n}", TaskType.PROCESSING_TASK, n, args=args) for n in range(2, 42)
    ]
    world = make_world(SCAN, *behind)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED

    for round_number in range(40):
        deliver_queue(world, 20 + round_number)
        execution = world.store.get_execution(WORKFLOW_ID)
        assert execution is not None
        running = [t for t in execution.graph.tasks.values() if t.status is TaskStatus.IN_PROGRESS]
        if not running:
            break
        succeed(world, running[0].dag_run_id or "", 20 + round_number)

    execution = world.store.get_execution(WORKFLOW_ID)
    assert execution is not None
    assert {task.status for task in execution.graph.tasks.values()} == {TaskStatus.COMPLETED}


def succeed(world: MemoryPorts, run_id: str, seconds: float) -> None:
    call(receive_results, world, callback_token(world, run_id), make_success(run_id), at(seconds))
