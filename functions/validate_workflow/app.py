"""POST /workflows/{workflow_id}/validate/."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import CallerDep, UserPortsDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.validation_schemas import ValidatedWorkflowView
from workflow_manager.services.validate_workflow import validate_workflow

router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.post("/workflows/{workflow_id}/validate/", operation_id="validate_workflow")
def answer(workflow_id: str, ports: UserPortsDep, caller: CallerDep) -> ValidatedWorkflowView:
    """Say what processing the workflow would start, in which order, and what is missing."""
    return ValidatedWorkflowView.of(validate_workflow(ports, workflow_id, caller.cause))


app = create_app(router)
lambda_handler = create_handler(app, "store", "exam", "orchestrator", "scan")
