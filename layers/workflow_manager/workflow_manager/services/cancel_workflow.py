"""Cancel a whole workflow."""

from workflow_manager.domain.change_set import N_TASKS_PER_COMMIT, ChangeSet
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import InvalidTransitionError
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import TaskStatus
from workflow_manager.domain.task_graph import order_by_inputs
from workflow_manager.domain.workflow import WorkflowStatus
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.services.cancel_task import SCANNER_NOT_STOPPED, explain_cancel
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.runs.load_active_runs import load_active_runs
from workflow_manager.steps.tasks.find_task import find_execution
from workflow_manager.steps.workflows.commit_execution import commit_execution

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
    notes = (
        [SCANNER_NOT_STOPPED] if any(t.is_scanning for t in execution.graph.tasks.values()) else []
    )
    if any(task.status is TaskStatus.UNKNOWN for task in execution.graph.tasks.values()):
        notes.append(LEFT_ALONE)
    committed: list[ChangeSet] = []
    after = _cancel_live(store, queue, workflow_id, cause, committed)
    n_cancelled = sum(len(part.tasks) for part in committed)
    if any(run.stop_due_at for part in committed for run in part.runs.values()):
        notes.append(NOT_CONFIRMED)
    if n_cancelled:
        done = f"The workflow was cancelled, with {n_cancelled} of its tasks."
        return after, " ".join([done, *notes])
    if after.graph.workflow.status is WorkflowStatus.CANCELLED:
        return after, "The workflow was cancelled before."
    if LEFT_ALONE in notes:
        raise InvalidTransitionError(f"Nothing was cancelled. {LEFT_ALONE}")
    raise InvalidTransitionError(
        f"The workflow is {after.graph.workflow.status} already: nothing was cancelled."
    )


@retry_on_conflict
def _cancel_live(
    store: WorkflowStore,
    queue: MessageQueue,
    workflow_id: str,
    cause: Cause,
    committed: list[ChangeSet],
) -> Execution:
    execution = find_execution(store, workflow_id)
    # Those behind come first: none of them may start because of one that is cancelled later.
    live = order_by_inputs([t for t in execution.graph.tasks.values() if t.status.is_open])[::-1]
    for start in range(0, len(live), N_TASKS_PER_COMMIT):
        chosen = live[start : start + N_TASKS_PER_COMMIT]
        runs = {run.task_id: run for run in load_active_runs(store, chosen)}
        for task in chosen:
            run = runs.get(task.task_id)
            execution.cancel(task.task_id, run, explain_cancel(task, cause), cause)
        commit_execution(store, queue, execution)
        committed.append(execution.changes)
        execution = execution.as_committed()
    return execution
