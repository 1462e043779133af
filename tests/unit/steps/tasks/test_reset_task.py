"""What waits while very many tasks behind a scan are made ready for its new data."""

import json

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    SCAN,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    deliver,
    make_exam_task,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.change_set import N_TASKS_PER_COMMIT
from workflow_manager.domain.errors import ConflictError, VersionConflictError
from workflow_manager.domain.exam import ExamTask, ExamWorkflow, ItemStatus, TaskType
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.cancel_workflow import cancel_workflow
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.retry_task import retry_task
from workflow_manager.settings import Settings

POLICY = Settings().policy


def make_task(n: int) -> ExamTask:
    args = {
        "dag_id": DAG_ID,
        "input_task_ids": json.dumps([SCAN_ID]),
        "simulate": "true",
        "contrast": "image.dcm",
    }
    fields = {"args": args, "status": ItemStatus.FINISHED}
    return make_exam_task(f"behind-{n:02}", TaskType.PROCESSING_TASK, 2, **fields)


class DeadError(Exception):
    """The function was killed."""


def die_at_commit(world: MemoryPorts, n: int, error: Exception) -> None:
    commit, n_left = world.store.commit, [n]

    def commit_or_die(*arguments: object) -> None:
        n_left[0] -= 1
        if n_left[0] == 0:
            raise error
        commit(*arguments)  # type: ignore[arg-type]

    world.store.commit = commit_or_die  # type: ignore[method-assign]


@pytest.fixture
def world() -> MemoryPorts:
    scan = SCAN.model_copy(update={"status": ItemStatus.FINISHED, "progress": 100})
    world = make_world(scan, *map(make_task, range(40)))
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    return world


def load(world: MemoryPorts) -> Execution:
    execution = world.store.get_execution(WORKFLOW_ID)
    assert execution is not None
    return execution


def list_started(world: MemoryPorts, seconds: float) -> list[str]:
    """Return what starts by itself when something ends in that moment."""
    execution = load(world)
    execution.advance(POLICY, at(seconds))
    return sorted({run.task_id or "" for run in execution.changes.runs.values()})


def test_tasks_that_wait_for_new_data_do_not_start_in_between_and_start_with_it(
    world: MemoryPorts,
) -> None:
    call(retry_task, world, WORKFLOW_ID, SCAN_ID, TOKEN, at(10))
    die_at_commit(world, 2, DeadError())
    with pytest.raises(DeadError):
        deliver(world, make_raw_data(), 20)
    statuses = [task.status for task in load(world).graph.tasks.values()]
    assert statuses.count(TaskStatus.PENDING) == N_TASKS_PER_COMMIT
    assert list_started(world, 21) == []

    # The event comes again.
    deliver(world, make_raw_data(), 30)

    behind = load(world).graph.dag_tasks_behind(SCAN_ID)
    attempts = {(task.status, task.attempt) for task in behind}
    assert attempts <= {(TaskStatus.IN_PROGRESS, 1), (TaskStatus.PENDING, 0)}
    assert (TaskStatus.IN_PROGRESS, 1) in attempts
    assert load(world).graph.workflow.remade_task_id is None


def test_new_data_counts_once_after_a_conflict(world: MemoryPorts) -> None:
    call(retry_task, world, WORKFLOW_ID, SCAN_ID, TOKEN, at(10))
    die_at_commit(world, 2, VersionConflictError("Somebody else wrote first."))

    deliver(world, make_raw_data(), 20)

    scan = load(world).graph.tasks[SCAN_ID]
    assert scan.status is TaskStatus.COMPLETED
    assert scan.data is not None and scan.data.key == make_raw_data().key


def test_rescan_of_a_cancelled_workflow_lets_very_many_tasks_wait_again() -> None:
    tasks = [make_task(n).model_copy(update={"status": ItemStatus.NEW}) for n in range(40)]
    world = make_world(SCAN, *tasks)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    call(cancel_workflow, world, WORKFLOW_ID, at(1))
    die_at_commit(world, 2, VersionConflictError("Somebody else wrote first."))

    call(retry_task, world, WORKFLOW_ID, SCAN_ID, TOKEN, at(10))

    execution = load(world)
    behind = execution.graph.dag_tasks_behind(SCAN_ID)
    assert {task.status for task in behind} == {TaskStatus.PENDING}
    assert len(world.scan.starts) == 2
    assert execution.graph.workflow.remade_task_id is None


def test_repetition_on_a_busy_scanner_is_refused_and_resets_nothing(world: MemoryPorts) -> None:
    other = SCAN.model_copy(update={"id": "scan-2", "workflow_id": "wf-2"})
    world.exam.add_workflow(ExamWorkflow(id="wf-2", exam_id="exam-1", tasks=[other]))
    call(process_workflow, world, "wf-2", TOKEN, at(5))

    with pytest.raises(ConflictError, match="scanning for another task"):
        call(retry_task, world, WORKFLOW_ID, SCAN_ID, TOKEN, at(10))

    assert {task.status for task in load(world).graph.tasks.values()} == {TaskStatus.COMPLETED}
