"""Workflows of more tasks than a transaction holds, on AWS's own DynamoDB."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from tests.fakes.faults import Crash
from tests.fakes.invariants import State, check_state, read_table
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
from tests.integration.conftest import create_table
from tests.integration.test_engine_dynamodb import CrashingClient
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.exam import ExamTask, ItemStatus, TaskType
from workflow_manager.domain.task import TaskStatus
from workflow_manager.domain.task_inputs import MAX_N_TASKS
from workflow_manager.services.cancel_workflow import cancel_workflow
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.reconcile_runs import reconcile_runs
from workflow_manager.services.retry_task import retry_task
from workflow_manager.settings import Settings
from workflow_manager.stores.dynamodb import DynamoDBStore

MANY, SOME, FEW = 500, 120, 45
Act = Callable[[MemoryPorts, float], object]


def make_tasks(n: int, status: ItemStatus = ItemStatus.NEW) -> list[ExamTask]:
    """Return a scan and a chain of DAG tasks behind it, each of which takes the scan's data too."""
    tasks = [SCAN.model_copy(update={"status": status, "progress": 100 * (status != "NEW")})]
    for k in range(1, n):
        inputs = [SCAN_ID] if k == 1 else [SCAN_ID, f"t{k - 1:04}"]
        args = {"dag_id": DAG_ID, "input_task_ids": json.dumps(inputs)}
        # The last of the chain was created first.
        created = datetime(2026, 11, 23, 23) - timedelta(seconds=k)
        task = make_exam_task(f"t{k:04}", TaskType.PROCESSING_TASK, 2, args=args, status=status)
        tasks.append(task.model_copy(update={"datetime_created": created}))
    return tasks


def make_many(client: Any, settings: Settings, n: int, status: ItemStatus) -> MemoryPorts:
    world = make_world(*make_tasks(n, status))
    world.store = DynamoDBStore(client, settings)  # type: ignore[assignment]
    return world


def process(world: MemoryPorts, seconds: float) -> object:
    return call(process_workflow, world, WORKFLOW_ID, TOKEN, at(seconds))


def repeat(world: MemoryPorts, seconds: float) -> object:
    return call(retry_task, world, WORKFLOW_ID, SCAN_ID, TOKEN, at(seconds))


def bring(world: MemoryPorts, seconds: float) -> object:
    return deliver(world, make_raw_data(), seconds)  # type: ignore[func-returns-value]


def cancel(world: MemoryPorts, seconds: float) -> object:
    return call(cancel_workflow, world, WORKFLOW_ID, at(seconds))


def count_statuses(state: State) -> dict[TaskStatus, int]:
    statuses = [task.status for task in state.tasks]
    return {status: statuses.count(status) for status in set(statuses)}


@pytest.fixture
def read(dynamodb_local: Any, settings: Settings) -> Iterator[Callable[[], State]]:
    yield lambda: read_table(dynamodb_local, settings.table_name)


def test_very_many_tasks_are_processed_and_cancelled(
    dynamodb_local: Any, settings: Settings, read: Callable[[], State]
) -> None:
    world = make_many(dynamodb_local, settings, MANY, ItemStatus.NEW)

    process(world, 0)
    deliver(world, make_raw_data())
    assert count_statuses(read()) == {
        TaskStatus.COMPLETED: 1,
        TaskStatus.IN_PROGRESS: 1,
        TaskStatus.PENDING: MANY - 2,
    }
    cancel(world, 20)

    assert count_statuses(read()) == {TaskStatus.COMPLETED: 1, TaskStatus.CANCELLED: MANY - 1}
    assert [each.status for each in read().workflows] == ["cancelled"]
    check_state(read())


def test_scan_with_very_many_tasks_behind_it_is_repeated(
    dynamodb_local: Any, settings: Settings, read: Callable[[], State]
) -> None:
    world = make_many(dynamodb_local, settings, MANY, ItemStatus.FINISHED)
    process(world, 0)
    assert count_statuses(read()) == {TaskStatus.COMPLETED: MANY}

    repeat(world, 10)

    assert len(world.scan.starts) == 1
    assert count_statuses(read()) == {TaskStatus.IN_PROGRESS: 1, TaskStatus.COMPLETED: MANY - 1}
    bring(world, 20)
    assert count_statuses(read()) == {
        TaskStatus.COMPLETED: 1,
        TaskStatus.IN_PROGRESS: 1,
        TaskStatus.PENDING: MANY - 2,
    }
    check_state(read())


def test_more_tasks_than_can_be_carried_out_are_refused(
    dynamodb_local: Any, settings: Settings, read: Callable[[], State]
) -> None:
    world = make_many(dynamodb_local, settings, MAX_N_TASKS + 1, ItemStatus.NEW)

    with pytest.raises(InvalidInputError, match="has 1001 tasks, and 1000 can be carried out"):
        process(world, 0)

    assert read().entities == {}


def dies(world: MemoryPorts, act: Act) -> bool:
    try:
        act(world, 10)
    except Crash:
        return True
    return False


def check_parts(state: State) -> None:
    """Nobody sees a task without its inputs, or one that waits behind one on the old data."""
    tasks = {task.task_id: task for task in state.tasks}
    for task in state.tasks:
        inputs = [tasks[input_id] for input_id in task.input_task_ids]
        if task.status is TaskStatus.COMPLETED:
            assert TaskStatus.PENDING not in {each.status for each in inputs}, task.task_id
    statuses = {str(each.status) for each in state.workflows}
    assert statuses <= ({"running"} if count_statuses(state) else set()) | {
        "completed",
        "cancelled",
    }


def make_good(world: MemoryPorts, act: Act) -> None:
    """Let the reconciler look, and call again; a scan that was not confirmed is to be named."""
    call(reconcile_runs, world, at(200))
    execution = world.store.get_execution(WORKFLOW_ID)
    scan = execution.graph.tasks.get(SCAN_ID) if execution else None
    is_claimed = scan is not None and scan.status is TaskStatus.FAILED
    (repeat if is_claimed and act is process else act)(world, 210)


@pytest.mark.parametrize(
    ("act", "status", "n_tasks", "n_writes", "end"),
    # A first, a middle and a last part of each.
    [
        (process, ItemStatus.NEW, SOME, 5, {TaskStatus.PENDING}),
        (bring, ItemStatus.FINISHED, FEW, 3, {TaskStatus.PENDING, TaskStatus.IN_PROGRESS}),
        (cancel, ItemStatus.NEW, FEW, 3, {TaskStatus.CANCELLED}),
    ],
)
def test_call_that_dies_at_any_part_is_made_good_by_the_next(
    dynamodb_local: Any,
    act: Act,
    status: ItemStatus,
    n_tasks: int,
    n_writes: int,
    end: set[TaskStatus],
) -> None:
    for n in count():
        settings = Settings(table_name=f"many-{act.__name__}-{n}")  # type: ignore[attr-defined]
        create_table(dynamodb_local, settings.table_name)
        world = make_many(dynamodb_local, settings, n_tasks, status)
        if act is not process:
            process(world, 0)
        if act is bring:
            repeat(world, 1)

        world.store = DynamoDBStore(CrashingClient(dynamodb_local, n, "after"), settings)  # type: ignore[assignment]
        has_died = dies(world, act)
        state = read_table(dynamodb_local, settings.table_name)
        check_state(state)
        check_parts(state)
        if not has_died or (world.scan.starts and act is process):
            # The parts are committed; what follows the start is that of every scan.
            break
        make_good(world, act)

        state = read_table(dynamodb_local, settings.table_name)
        check_state(state)
        statuses = {task.task_id: task.status for task in state.tasks}
        scan = statuses.pop(SCAN_ID)
        ends = {cancel: TaskStatus.CANCELLED, bring: TaskStatus.COMPLETED}
        assert scan is ends.get(act, TaskStatus.IN_PROGRESS)
        assert len(statuses) == n_tasks - 1
        assert set(statuses.values()) == end
        assert len(world.scan.starts) == 1
    assert n >= n_writes


def test_data_of_a_workflow_that_is_defined_in_part_defines_the_rest(
    dynamodb_local: Any, settings: Settings, read: Callable[[], State]
) -> None:
    # Given the mark of lists, and the first part of what data at the console's own scan has led to
    world = make_many(dynamodb_local, settings, SOME, ItemStatus.NEW)
    world.store = DynamoDBStore(CrashingClient(dynamodb_local, 1, "after"), settings)  # type: ignore[assignment]
    with pytest.raises(Crash):
        deliver(world, make_raw_data())
    assert [each.is_partial for each in read().workflows] == [True]

    # When S3's event comes again
    deliver(world, make_raw_data())

    assert count_statuses(read()) == {
        TaskStatus.COMPLETED: 1,
        TaskStatus.IN_PROGRESS: 1,
        TaskStatus.PENDING: SOME - 2,
    }
    check_state(read())


def test_tasks_deleted_and_mended_by_the_hundred_are_taken_over(
    dynamodb_local: Any, settings: Settings, read: Callable[[], State]
) -> None:
    world = make_many(dynamodb_local, settings, SOME, ItemStatus.NEW)
    process(world, 0)
    workflow = world.exam.workflows[WORKFLOW_ID]
    kept = [task for task in workflow.tasks if task.id == SCAN_ID]
    world.exam.add_workflow(workflow.model_copy(update={"tasks": kept}))

    process(world, 10)

    assert count_statuses(read()) == {TaskStatus.IN_PROGRESS: 1, TaskStatus.FAILED: SOME - 1}
    check_state(read())
