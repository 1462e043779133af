"""Stop runs in Airflow that were cancelled here, or are past their deadline."""

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import (
    InvalidInputError,
    NotFoundError,
    ScanHubError,
    UpstreamError,
    VersionConflictError,
)
from workflow_manager.domain.orchestrator_run import RunKey
from workflow_manager.observability import logger, traced
from workflow_manager.ports import Orchestrator, WorkflowStore


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
                store.commit([_ask_airflow(orchestrator, run, cause)])
    except VersionConflictError:
        # Another call stops it at the same moment, or its results have come after all.
        pass
    except ScanHubError as error:
        extra = {"dag_run_id": dag_run_id, "reason": error.detail}
        logger.warning("run not stopped, left to the reconciler", extra=extra)


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
