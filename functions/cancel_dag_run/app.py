"""POST /dag_runs/{dag_run_id}/cancel/."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dag_run_schemas import CancelledDagRunView
from workflow_manager.http.dependencies import CallerDep, UserPortsDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.cancel_dag_run import cancel_dag_run

router = ScanHubRouter(401, 403, 404, 409, 422, 503)


@router.post("/dag_runs/{dag_run_id}/cancel/", operation_id="cancel_dag_run")
def answer(dag_run_id: str, ports: UserPortsDep, caller: CallerDep) -> CancelledDagRunView:
    """Cancel a run that has not ended, with the task that waits for it; Airflow stops it."""
    return CancelledDagRunView.of(cancel_dag_run(ports, dag_run_id, caller.cause))


app = create_app(router)
lambda_handler = create_handler(app, "store", "orchestrator", "exam")
