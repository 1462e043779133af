"""Cancel one task."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import InvalidTransitionError
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.runs.load_active_runs import load_active_runs
from workflow_manager.steps.tasks.find_task import find_task
from workflow_manager.steps.workflows.commit_execution import commit_execution

# Generation A's devices know no stop command.
SCANNER_NOT_STOPPED = "The scanner was not stopped: stop it at its console."


@retry_on_conflict
def cancel_task(
    store: WorkflowStore,
    queue: MessageQueue,
    workflow_id: str,
    task_id: str,
    cause: Cause,
) -> tuple[Task, str]:
    """Cancel a task that is pending or in progress; `follow_changes` stops its run in Airflow.

    Returns
    -------
    tuple[Task, str]
        The cancelled task, as it is if it was cancelled before, and what that means for the
        operator.

    Raises
    ------
    NotFoundError
        There is no such task, or its workflow was never processed.
    InvalidTransitionError
        The task has ended before; the message says how.
    """
    execution, task = find_task(store, workflow_id, task_id)
    if task.status is TaskStatus.CANCELLED:
        return task, "The task was cancelled before."
    task.require_known()
    if task.status.has_ended:
        raise InvalidTransitionError(f"The task is {task.status} already: nothing was cancelled.")
    run = next(iter(load_active_runs(store, [task])), None)
    execution.cancel(task_id, run, explain_cancel(task, cause), cause)
    commit_execution(store, queue, execution)
    return execution.graph.tasks[task_id], _describe(task, execution)


def explain_cancel(task: Task, cause: Cause) -> str:
    """Return why a task ends, told from the task as it is before the cancel."""
    return f"Cancelled by {cause.actor}." + (f" {SCANNER_NOT_STOPPED}" if task.is_scanning else "")


def _describe(task: Task, execution: Execution) -> str:
    if task.status is TaskStatus.PENDING:
        return "The task was cancelled before it started."
    if task.task_type.is_device_task:
        return f"The task was cancelled. {SCANNER_NOT_STOPPED}"
    if any(run.stop_due_at for run in execution.changes.runs.values()):
        return "The task was cancelled. Airflow has not confirmed yet that its run has stopped."
    return "The task was cancelled, and its run never started."
