"""POST /workflows/{workflow_id}/cancel/."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import CallerDep, UserPortsDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.schemas import CancelledWorkflowView
from workflow_manager.services.cancel_workflow import cancel_workflow

router = ScanHubRouter(401, 403, 404, 409, 422, 503)


@router.post("/workflows/{workflow_id}/cancel/", operation_id="cancel_workflow")
def answer(workflow_id: str, ports: UserPortsDep, caller: CallerDep) -> CancelledWorkflowView:
    """Cancel every task of a workflow that has not ended; a scanner is not stopped by it."""
    execution, message = cancel_workflow(ports, workflow_id, caller.cause)
    return CancelledWorkflowView.of(execution, message)


app = create_app(router)
lambda_handler = create_handler(app, "store", "exam", "orchestrator")
