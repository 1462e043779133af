"""POST /dag_runs/{dag_run_id}/retry/."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dag_run_schemas import DagRunView
from workflow_manager.http.dependencies import CallerDep, UserPortsDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.retry_dag_run import retry_dag_run

router = ScanHubRouter(401, 403, 404, 409, 422, 503)


@router.post("/dag_runs/{dag_run_id}/retry/", operation_id="retry_dag_run")
def answer(dag_run_id: str, ports: UserPortsDep, caller: CallerDep) -> DagRunView:
    """Run the DAG again on the object of a run that failed or was cancelled, as a new run."""
    return DagRunView.of(retry_dag_run(ports, dag_run_id, caller.cause))


app = create_app(router)
lambda_handler = create_handler(app, "store", "queue")
