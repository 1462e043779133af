"""GET /workflows/{workflow_id}/."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import CallerDep, UserPortsDep
from workflow_manager.http.etags import REVALIDATED, RevalidationDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.schemas import WorkflowView
from workflow_manager.services.get_workflow import describe_version, get_workflow, list_trail

from fastapi import Response

router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.get(
    "/workflows/{workflow_id}/",
    operation_id="get_workflow",
    response_model=WorkflowView,
    responses=REVALIDATED,
)
def answer(
    workflow_id: str, ports: UserPortsDep, caller: CallerDep, revalidation: RevalidationDep
) -> WorkflowView | Response:
    """Show a workflow, its tasks and their progress, and every change so far."""
    execution = get_workflow(ports, workflow_id, caller.cause)
    if unchanged := revalidation.answer_unchanged(*describe_version(ports, execution)):
        return unchanged
    return WorkflowView.of(execution, list_trail(ports, execution))


app = create_app(router)
lambda_handler = create_handler(app, "store", "exam")
