"""GET /dag_runs/{dag_run_id}/."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dag_run_schemas import DagRunView
from workflow_manager.http.dependencies import UserPortsDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.get_dag_run import get_dag_run

router = ScanHubRouter(401, 403, 404, 422, 503)


@router.get("/dag_runs/{dag_run_id}/", operation_id="get_dag_run")
def answer(dag_run_id: str, ports: UserPortsDep) -> DagRunView:
    """Show a run: its state, its progress and its results."""
    return DagRunView.of(get_dag_run(ports, dag_run_id))


app = create_app(router)
lambda_handler = create_handler(app)
