"""Cancel one DAG run."""

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import InvalidTransitionError
from workflow_manager.domain.transitions import DagRunEvent
from workflow_manager.observability import traced
from workflow_manager.ports import ExamClient, Orchestrator, WorkflowStore
from workflow_manager.services.get_dag_run import get_dag_run
from workflow_manager.settings import Settings
from workflow_manager.steps.runs.finish_dag_run import end_dag_run
from workflow_manager.steps.runs.stop_dag_run import stop_dag_run
from workflow_manager.steps.workflows.commit_execution import mirror_tasks


def cancel_dag_run(
    store: WorkflowStore,
    orchestrator: Orchestrator,
    exam: ExamClient,
    settings: Settings,
    dag_run_id: str,
    cause: Cause,
) -> DagRun:
    """Cancel a run that is not final, and the task that waits for it, and stop it in Airflow.

    Returns
    -------
    DagRun
        The cancelled run; one that was cancelled before as it is.

    Raises
    ------
    NotFoundError
        There is no such run.
    InvalidTransitionError
        It ended first; how is said.
    """
    run = get_dag_run(store, dag_run_id)
    if not run.state.is_final:
        reason = f"Cancelled by {cause.actor}."
        _cancel(store, orchestrator, exam, settings, run, reason, cause)
        run = get_dag_run(store, dag_run_id)
    if run.state is not DagRunState.CANCELLED:
        raise InvalidTransitionError(f"The run is {run.state} already: nothing was cancelled.")
    return run


def _cancel(
    store: WorkflowStore,
    orchestrator: Orchestrator,
    exam: ExamClient,
    settings: Settings,
    run: DagRun,
    reason: str,
    cause: Cause,
) -> None:
    ended, execution = end_dag_run(
        store, settings, run.dag_run_id, DagRunEvent.CANCEL, cause, reason=reason
    )
    if ended is None:
        return
    with traced(ended.trace):
        stop_dag_run(store, orchestrator, ended.dag_run_id, cause)
        if execution is not None:
            mirror_tasks(store, exam, execution, cause)
