"""A task of which exam-manager holds more than we can keep."""

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION,
    RECONSTRUCTION_ID,
    SCAN,
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
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.exam import ExamTask, TaskType
from workflow_manager.domain.task import MAX_ARGS_BYTES, TaskStatus
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.retry_task import retry_task
from workflow_manager.services.trigger_task import trigger_task
from workflow_manager.services.validate_workflow import validate_workflow

FREE = make_exam_task(
    "free", TaskType.PROCESSING_TASK, 3, args={"dag_id": DAG_ID, "input_task_ids": "[]"}
)
TOO_LARGE = f"together they may have {MAX_ARGS_BYTES} bytes"


def with_note(task: ExamTask, note: str) -> ExamTask:
    return task.model_copy(update={"args": {**task.args, "note": note}})


@pytest.mark.parametrize("note", ["x" * 3_000_000, "語" * (MAX_ARGS_BYTES // 3)])
def test_scan_with_too_large_args_is_refused_and_the_tasks_beside_it_start(note: str) -> None:
    world = make_world(with_note(SCAN, note), RECONSTRUCTION, FREE)

    [planned, *others] = call(validate_workflow, world, WORKFLOW_ID, at(0)).tasks
    assert [TOO_LARGE in problem for problem in planned.problems] == [True]
    assert not any(other.problems for other in others)
    with pytest.raises(InvalidInputError, match=TOO_LARGE):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(1))

    assert get_task(world, SCAN_ID).status is TaskStatus.PENDING
    assert get_task(world, "free").status is TaskStatus.IN_PROGRESS
    assert world.scan.starts == []


def test_dag_task_with_too_large_args_fails_with_that_reason_until_it_is_mended() -> None:
    world = make_world(SCAN, with_note(RECONSTRUCTION, "x" * 500_000), FREE)
    with pytest.raises(InvalidInputError, match=TOO_LARGE):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    call(trigger_task, world, SCAN_ID, TOKEN, at(1))
    deliver(world, make_raw_data())
    task = get_task(world, RECONSTRUCTION_ID)
    assert (task.status, TOO_LARGE in (task.reason or "")) == (TaskStatus.FAILED, True)
    assert get_task(world, "free").status is TaskStatus.IN_PROGRESS

    mend(world, RECONSTRUCTION)
    call(retry_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, TOKEN, at(20))

    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.IN_PROGRESS


def mend(world: MemoryPorts, task: ExamTask) -> None:
    workflow = world.exam.workflows[WORKFLOW_ID]
    tasks = [task if each.id == task.id else each for each in workflow.tasks]
    world.exam.add_workflow(workflow.model_copy(update={"tasks": tasks}))


def test_scan_that_grows_too_large_is_not_repeated_and_nothing_is_reset() -> None:
    behind = [
        make_exam_task(
            f"behind-{n:02}",
            TaskType.PROCESSING_TASK,
            4,
            args={"dag_id": DAG_ID, "input_task_ids": f'["{SCAN_ID}"]'},
        )
        for n in range(40)
    ]
    world = make_world(SCAN, *behind)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    mend(world, with_note(SCAN, "x" * 100_000))
    before = [get_task(world, task.id).status for task in behind]

    with pytest.raises(InvalidInputError, match=TOO_LARGE):
        call(retry_task, world, WORKFLOW_ID, SCAN_ID, TOKEN, at(20))

    assert [get_task(world, task.id).status for task in behind] == before
    assert TaskStatus.IN_PROGRESS in before
