"""GET /workflows/{workflow_id}/."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import CallerDep, UserPortsDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.schemas import WorkflowView
from workflow_manager.services.get_workflow import get_workflow

router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.get("/workflows/{workflow_id}/", operation_id="get_workflow")
def answer(workflow_id: str, ports: UserPortsDep, caller: CallerDep) -> WorkflowView:
    """Show a workflow, its tasks and their progress, and every change so far."""
    return WorkflowView.of(*get_workflow(ports, workflow_id, caller.cause))


app = create_app(router)
lambda_handler = create_handler(app)
