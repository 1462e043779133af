"""Make a task ready for its next attempt."""

from collections.abc import Callable

from workflow_manager.domain.change_set import N_TASKS_PER_COMMIT
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.execution import Execution
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.steps.runs.load_active_runs import load_active_runs
from workflow_manager.steps.workflows.commit_execution import commit_execution


def reset_task(
    store: WorkflowStore,
    queue: MessageQueue,
    execution: Execution,
    task_id: str,
    check: Callable[[], object],
    cause: Cause,
) -> Execution:
    """Reset a task that has ended, and before it the DAG tasks behind it.

    Very many of them are committed in parts, from the end of the graph. A call that breaks off
    leaves the task as it was, and DAG tasks that wait: the same call again goes on, and so does
    `process_workflow`, with the data that is there.

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
    while started := execution.graph.started_behind(task_id):
        some = started[:N_TASKS_PER_COMMIT]
        execution.reset_behind(task_id, some, load_active_runs(store, some), cause)
        if len(some) == len(started):
            break
        check()
        commit_execution(store, queue, execution)
        execution = execution.as_committed()
    execution.reset(task_id, cause)
    return execution
