"""Cancel one DAG run."""

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.entity import UNREADABLE, Cause
from workflow_manager.domain.errors import InvalidTransitionError
from workflow_manager.domain.transitions import DagRunMove
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.services.get_dag_run import get_dag_run
from workflow_manager.settings import Settings
from workflow_manager.steps.runs.finish_dag_run import finish_dag_run


def cancel_dag_run(
    store: WorkflowStore, queue: MessageQueue, settings: Settings, dag_run_id: str, cause: Cause
) -> DagRun:
    """Cancel a run and the task that waits for it; `follow_changes` stops it in Airflow.

    Raises
    ------
    NotFoundError
        There is no such run.
    InvalidTransitionError
        The run has ended before; the message says how.
    """
    run = get_dag_run(store, dag_run_id)
    if not run.state.is_final:
        reason = f"Cancelled by {cause.actor}."
        finish_dag_run(store, queue, settings, dag_run_id, DagRunMove.CANCEL, cause, reason=reason)
        run = get_dag_run(store, dag_run_id)
    if run.state is DagRunState.UNKNOWN:
        raise InvalidTransitionError(UNREADABLE)
    if run.state is not DagRunState.CANCELLED:
        raise InvalidTransitionError(f"The run is {run.state} already: nothing was cancelled.")
    return run
