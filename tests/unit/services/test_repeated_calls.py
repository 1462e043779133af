"""A call that is sent twice starts one thing, and both answers say so."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION,
    RECONSTRUCTION_ID,
    SCAN,
    SCAN_ARGS,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    deliver,
    get_task,
    make_exam_task,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ConflictError, DeviceStartError, UpstreamTimeoutError
from workflow_manager.domain.exam import TaskType
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.services.cancel_task import cancel_task
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.retry_task import retry_task
from workflow_manager.services.trigger_task import trigger_task

Begin = Callable[[MemoryPorts, Cause], Task | None]


def trigger(world: MemoryPorts, cause: Cause, expected: int | None = None) -> Task:
    return call(trigger_task, world, SCAN_ID, TOKEN, cause, expected)


def retry(world: MemoryPorts, cause: Cause, expected: int | None = None) -> Task:
    return call(retry_task, world, WORKFLOW_ID, SCAN_ID, TOKEN, cause, expected)


def process(world: MemoryPorts, cause: Cause) -> Task | None:
    return call(process_workflow, world, WORKFLOW_ID, TOKEN, cause).task


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def cancel_first(world: MemoryPorts) -> None:
    trigger(world, at(-100))
    call(cancel_task, world, WORKFLOW_ID, SCAN_ID, at(-50))
    world.scan.starts.clear()


@pytest.mark.parametrize(
    ("begin", "attempt"), [(trigger, 1), (process, 1), (trigger, 2), (retry, 2)]
)
def test_second_click_is_answered_as_the_first(
    world: MemoryPorts, begin: Begin, attempt: int
) -> None:
    if attempt == 2:
        cancel_first(world)
    first = begin(world, at(0))

    second = begin(world, at(9.9))

    assert first is not None and second is not None
    assert (second.task_id, second.status) == (SCAN_ID, TaskStatus.IN_PROGRESS)
    assert second.attempt == first.attempt == attempt
    assert len(world.scan.starts) == 1


@pytest.mark.parametrize("begin", [trigger, retry])
@pytest.mark.parametrize("second", [at(10), at(1, "somebody-else")])
def test_later_call_and_that_of_somebody_else_are_refused(
    world: MemoryPorts, begin: Begin, second: Cause
) -> None:
    cancel_first(world)
    begin(world, at(0))

    with pytest.raises(ConflictError, match="in progress"):
        begin(world, second)

    assert len(world.scan.starts) == 1


@pytest.mark.parametrize("begin", [trigger, process])
def test_call_while_the_device_has_not_answered_the_first_waits_for_nothing(
    world: MemoryPorts, begin: Begin
) -> None:
    start = world.scan.start
    answers: list[Task | None] = []

    def click_again(*args: Any) -> None:
        answers.append(begin(world, at(25)))
        start(*args)

    world.scan.start = click_again  # type: ignore[method-assign]

    begin(world, at(0))

    assert [task and task.status for task in answers] == [TaskStatus.IN_PROGRESS]
    assert len(world.scan.starts) == 1


def test_second_click_on_process_starts_no_other_scan() -> None:
    other = SCAN_ARGS | {"device_id": "another-scanner", "input_task_ids": "[]"}
    world = make_world(SCAN, make_exam_task("scan-2", TaskType.DEVICE_TASK_SDK, 2, args=other))
    world.scan.device_statuses["another-scanner"] = "ready"
    process(world, at(0))

    second = call(process_workflow, world, WORKFLOW_ID, TOKEN, at(5))

    assert second.task is not None
    assert (second.task.task_id, second.is_started) == (SCAN_ID, False)
    assert len(world.scan.starts) == 1
    # Whoever looks first may start the other one, and so may somebody else.
    third = call(process_workflow, world, WORKFLOW_ID, TOKEN, at(10))
    assert third.task is not None
    assert (third.task.task_id, third.is_started) == ("scan-2", True)


def test_second_click_on_process_starts_no_scan_behind_a_run() -> None:
    named = RECONSTRUCTION.model_copy(update={"args": {"input_task_ids": f'["{SCAN_ID}"]'}})
    again = make_exam_task("scan-2", TaskType.DEVICE_TASK_SDK, 3, args=SCAN_ARGS)
    world = make_world(SCAN, named, again)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(-100), auto_advance=False)
    deliver(world, make_raw_data(), -50)

    first, second, third = (process(world, at(seconds)) for seconds in (0, 9, 10))

    assert [task and task.task_id for task in (first, second)] == [RECONSTRUCTION_ID] * 2
    assert third is not None and third.task_id == "scan-2"
    assert len(world.scan.starts) == 2


def test_second_click_on_a_reconstruction_makes_one_run() -> None:
    free = {"dag_id": DAG_ID, "input_task_ids": "[]"}
    world = make_world(make_exam_task("free", TaskType.PROCESSING_TASK, 0, args=free))

    runs = {call(trigger_task, world, "free", TOKEN, at(n)).dag_run_id for n in range(2)}

    assert len(runs) == len(world.queue.dag_run_ids) == 1


def test_click_after_a_start_that_failed_starts_anew(world: MemoryPorts) -> None:
    world.scan.start_error = UpstreamTimeoutError("late")
    with pytest.raises(DeviceStartError):
        trigger(world, at(0))
    world.scan.start_error = None

    assert trigger(world, at(5)).attempt == 2


def test_call_that_waited_longer_than_the_scan_lasted_starts_no_second_one(
    world: MemoryPorts,
) -> None:
    trigger(world, at(0), 0)
    deliver(world, make_raw_data(), 5)
    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED

    with pytest.raises(ConflictError, match="at attempt 1, not 0") as caught:
        trigger(world, at(6), 0)

    assert caught.value.members == {"attempt": 1}
    assert len(world.scan.starts) == 1
    assert trigger(world, at(60), 1).attempt == 2


def test_expected_attempt_that_is_in_progress_is_answered_however_late(world: MemoryPorts) -> None:
    trigger(world, at(0), 0)
    assert trigger(world, at(600), 0).attempt == 1

    call(cancel_task, world, WORKFLOW_ID, SCAN_ID, at(700))
    assert [retry(world, at(800 + n), 1).attempt for n in (0, 300)] == [2, 2]

    with pytest.raises(ConflictError, match="in progress"):
        retry(world, at(1200), 2)
    with pytest.raises(ConflictError, match="at attempt 2, not 0"):
        retry(world, at(1200), 0)
    assert len(world.scan.starts) == 2


def test_retry_finds_no_repetition_in_a_first_attempt(world: MemoryPorts) -> None:
    trigger(world, at(0))

    with pytest.raises(ConflictError, match="cancel it first"):
        retry(world, at(1))
