"""POST /dag_runs/{dag_run_id}/retry/."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dag_run_schemas import DagRunView
from workflow_manager.http.dependencies import CallerDep, QueueDep, StoreDep, give_settings
from workflow_manager.http.ids import PathId
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.retry_dag_run import retry_dag_run as use_case

router = ScanHubRouter(401, 403, 404, 409, 422, 503)


@router.post("/dag_runs/{dag_run_id}/retry/", operation_id="retry_dag_run")
def retry_dag_run(
    dag_run_id: PathId, store: StoreDep, queue: QueueDep, caller: CallerDep
) -> DagRunView:
    """Run the DAG again on the object of a run that failed or was cancelled, as a new run."""
    return DagRunView.of(use_case(store, queue, give_settings(), dag_run_id, caller.cause))


lambda_handler = create_handler(router)
