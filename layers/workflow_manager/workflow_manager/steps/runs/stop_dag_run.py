"""Stop runs in Airflow that were cancelled here, or are past their deadline."""

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import (
    InvalidInputError,
    NotFoundError,
    ScanHubError,
    UpstreamError,
)
from workflow_manager.domain.orchestrator_run import RunKey
from workflow_manager.observability import logger, traced
from workflow_manager.ports import Orchestrator, WorkflowStore
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.runs.touch_workflow import touch_workflow


def stop_dag_run(
    store: WorkflowStore, orchestrator: Orchestrator, dag_run_id: str, cause: Cause
) -> None:
    """Ask Airflow once to stop a run that is final here; after a failure it is due again."""
    try:
        run = store.get_dag_run(dag_run_id)
        if run is None or run.state is DagRunState.UNKNOWN:
            return
        if run.stop_due_at is not None:
            with traced(run.trace):
                _note(store, run, _ask_airflow(orchestrator, run, cause))
    except ScanHubError as error:
        extra = {"dag_run_id": dag_run_id, "reason": error.detail}
        logger.warning("run not stopped, left to the reconciler", extra=extra)


@retry_on_conflict
def _note(store: WorkflowStore, run: DagRun, asked: DagRun) -> None:
    heads = touch_workflow(store, run) if asked.stopped_at != run.stopped_at else []
    found = store.get_dag_run(run.dag_run_id)
    # Else another call stops it at the same moment, or its results have come after all.
    if found is not None and found.version == run.version:
        store.commit([asked, *heads])


def _ask_airflow(orchestrator: Orchestrator, run: DagRun, cause: Cause) -> DagRun:
    extra = {"dag_run_id": run.dag_run_id}
    key = RunKey.model_validate(run, from_attributes=True)
    try:
        orchestrator.cancel_dag_run(run.dag_id, run.dag_run_id)
        # Airflow ignores the call while it is just starting the run.
        has_ended = any(each.state.is_final for each in orchestrator.list_dag_runs([key]))
    except NotFoundError:
        return run.with_later_stop(cause.at, is_known=False)
    except InvalidInputError as error:
        logger.error("the run cannot be stopped in Airflow", extra=extra | {"reason": error.detail})
        return run.evolve(stop_due_at=None, n_stop_attempts=run.n_stop_attempts + 1)
    except UpstreamError as error:
        logger.warning("the run is not stopped yet", extra=extra | {"reason": error.detail})
        return run.with_later_stop(cause.at, is_known=True)
    return run.with_stop(cause.at) if has_ended else run.with_later_stop(cause.at, is_known=True)
