"""Make a task ready for its next attempt, and those behind it for new data."""

from collections.abc import Callable, Collection

from workflow_manager.domain.change_set import N_TASKS_PER_COMMIT
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import TaskStatus
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.steps.runs.load_active_runs import load_active_runs
from workflow_manager.steps.workflows.commit_execution import commit_execution

# What has worked on the data before is made anew once there is new data, not when a scan begins: a
# rescan in vain takes nothing away. What an operator has cancelled waits again when he begins anew.
MADE = frozenset({TaskStatus.IN_PROGRESS, TaskStatus.COMPLETED, TaskStatus.FAILED})
CANCELLED = frozenset({TaskStatus.CANCELLED})


def reset_task(
    store: WorkflowStore,
    queue: MessageQueue,
    execution: Execution,
    task_id: str,
    check: Callable[[], object],
    cause: Cause,
) -> Execution:
    """Reset a task that has ended, and before it the DAG tasks behind it that are to wait for it.

    Parameters
    ----------
    check
        Raises if the task could not be claimed: called before the first part is committed.

    Returns
    -------
    Execution
        With the last part, to be committed with the claim.

    Raises
    ------
    VersionConflictError
        Somebody else wrote first.
    """
    is_scan = execution.graph.tasks[task_id].task_type.is_device_task
    statuses = CANCELLED if is_scan else CANCELLED | MADE
    execution = _reset_behind(store, queue, execution, task_id, statuses, check, cause)
    execution.reset(task_id, cause)
    return execution


def reset_behind(
    store: WorkflowStore, queue: MessageQueue, execution: Execution, task_id: str, cause: Cause
) -> Execution:
    """Let the DAG tasks behind a scan that have worked on its data wait again, for newer is here.

    Returns
    -------
    Execution
        With the last part, to be committed with the completion of the scan.

    Raises
    ------
    VersionConflictError
        Somebody else wrote first.
    """
    return _reset_behind(store, queue, execution, task_id, MADE, lambda: None, cause)


def _reset_behind(
    store: WorkflowStore,
    queue: MessageQueue,
    execution: Execution,
    task_id: str,
    statuses: Collection[TaskStatus],
    check: Callable[[], object],
    cause: Cause,
) -> Execution:
    # Very many of them are committed in parts, from the end of the graph. A call that breaks off
    # leaves the task as it was, and DAG tasks that wait: the same call again goes on, and so does
    # `process_workflow`, with the data that is there.
    while found := execution.graph.tasks_to_reset(task_id, statuses):
        some = found[:N_TASKS_PER_COMMIT]
        execution.reset_behind(task_id, some, load_active_runs(store, some), cause)
        if len(some) == len(found):
            break
        check()
        commit_execution(store, queue, execution)
        execution = execution.as_committed()
    return execution
