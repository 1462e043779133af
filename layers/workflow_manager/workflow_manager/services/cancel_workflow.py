"""Cancel a whole workflow."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import InvalidTransitionError
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import TaskStatus
from workflow_manager.domain.workflow import WorkflowStatus
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.services.cancel_task import SCANNER_NOT_STOPPED, explain_cancel
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.runs.load_active_runs import load_active_runs
from workflow_manager.steps.tasks.find_task import find_execution
from workflow_manager.steps.workflows.commit_execution import commit_execution

# Task, run and three lines of the audit trail each: together they must fit one transaction of 100.
N_TASKS_PER_COMMIT = 15
LEFT_ALONE = "What another version has written was left alone: look at its tasks."
NOT_CONFIRMED = "Airflow has not confirmed yet that all its runs have stopped."


def cancel_workflow(
    store: WorkflowStore,
    queue: MessageQueue,
    workflow_id: str,
    cause: Cause,
) -> tuple[Execution, str]:
    """Cancel every task that has not ended; `follow_changes` stops their runs in Airflow.

    Returns
    -------
    tuple[Execution, str]
        The workflow afterwards, and what that means, for the operator. A workflow that was
        cancelled before is returned as it is.

    Raises
    ------
    NotFoundError
        There is no such workflow, or it was never processed.
    InvalidTransitionError
        Every task had ended first.
    """
    execution = find_execution(store, workflow_id)
    notes = [SCANNER_NOT_STOPPED] if any(t.is_scanning for t in execution.tasks.values()) else []
    if any(task.status is TaskStatus.UNKNOWN for task in execution.tasks.values()):
        notes.append(LEFT_ALONE)
    n_cancelled = 0
    while chosen := _cancel_some(store, queue, workflow_id, cause):
        n_cancelled += len(chosen.changes.tasks)
        if (
            any(run.stop_due_at for run in chosen.changes.runs.values())
            and NOT_CONFIRMED not in notes
        ):
            notes.append(NOT_CONFIRMED)
    after = find_execution(store, workflow_id)
    if n_cancelled:
        done = f"The workflow was cancelled, with {n_cancelled} of its tasks."
        return after, " ".join([done, *notes])
    if after.workflow.status is WorkflowStatus.CANCELLED:
        return after, "The workflow was cancelled before."
    if LEFT_ALONE in notes:
        raise InvalidTransitionError(f"Nothing was cancelled. {LEFT_ALONE}")
    raise InvalidTransitionError(
        f"The workflow is {after.workflow.status} already: nothing was cancelled."
    )


@retry_on_conflict
def _cancel_some(
    store: WorkflowStore,
    queue: MessageQueue,
    workflow_id: str,
    cause: Cause,
) -> Execution | None:
    execution = find_execution(store, workflow_id)
    # Those behind come first: none of them may start because of one that is cancelled later.
    live = [task for task in execution.tasks.values() if task.status.is_open]
    chosen = live[::-1][:N_TASKS_PER_COMMIT]
    if not chosen:
        return None
    runs = {run.task_id: run for run in load_active_runs(store, chosen)}
    for task in chosen:
        run = runs.get(task.task_id)
        execution.cancel(task.task_id, run, explain_cancel(task, cause), cause)
    commit_execution(store, queue, execution)
    return execution
