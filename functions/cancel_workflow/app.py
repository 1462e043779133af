"""POST /workflows/{workflow_id}/cancel/."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import CallerDep, QueueDep, StoreDep
from workflow_manager.http.ids import PathId
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.schemas import CancelledWorkflowView
from workflow_manager.services.cancel_workflow import cancel_workflow as use_case

router = ScanHubRouter(401, 403, 404, 409, 422, 503)


@router.post("/workflows/{workflow_id}/cancel/", operation_id="cancel_workflow")
def cancel_workflow(
    workflow_id: PathId,
    store: StoreDep,
    queue: QueueDep,
    caller: CallerDep,
) -> CancelledWorkflowView:
    """Cancel every task of a workflow that has not ended; a scanner is not stopped by it."""
    execution, message = use_case(store, queue, workflow_id, caller.cause)
    return CancelledWorkflowView.of(execution, message)


lambda_handler = create_handler(router)
