"""Show where a run stands, here and in Airflow."""

from dataclasses import dataclass

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.errors import NotFoundError, ScanHubError
from workflow_manager.domain.orchestrator_run import RunKey, TaskInstance
from workflow_manager.observability import logger
from workflow_manager.ports import Orchestrator, WorkflowStore


def get_dag_run(store: WorkflowStore, dag_run_id: str) -> DagRun:
    """Return a run.

    Raises
    ------
    NotFoundError
        There is no such run, or S3's event that causes it has not come yet.
    """
    run = store.get_dag_run(dag_run_id)
    if run is None:
        raise NotFoundError("There is no such run, or its event has not arrived yet.")
    return run


@dataclass(frozen=True)
class OrchestratorView:
    """What Airflow shows of a run.

    Parameters
    ----------
    task_instances
        None if Airflow does not know the run, or does not answer.
    """

    task_instances: list[TaskInstance] | None = None
    url: str | None = None


def look_into_airflow(orchestrator: Orchestrator, run: DagRun) -> OrchestratorView:
    """Return what Airflow shows of a run; an Airflow that does not answer is no error."""
    if run.is_simulated or run.n_start_attempts == 0:
        return OrchestratorView()
    key = RunKey.model_validate(run, from_attributes=True)
    try:
        tasks = orchestrator.list_task_instances([key])
        url = orchestrator.dag_run_url(run.dag_id, run.dag_run_id)
    except ScanHubError as error:
        logger.warning("Airflow was not asked", extra={"reason": error.detail})
        return OrchestratorView()
    return OrchestratorView(tasks, url)
