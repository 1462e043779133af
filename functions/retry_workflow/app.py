"""POST /workflows/{workflow_id}/retry/."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import (
    CallerDep,
    ExamDep,
    QueueDep,
    ScanDep,
    StoreDep,
    give_clock,
    give_settings,
)
from workflow_manager.http.failed_by import FailedByDep
from workflow_manager.http.ids import PathId
from workflow_manager.http.retry_schemas import RetriedWorkflowView
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.retry_workflow import retry_workflow as use_case

router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.post("/workflows/{workflow_id}/retry/", operation_id="retry_workflow")
def retry_workflow(
    workflow_id: PathId,
    store: StoreDep,
    queue: QueueDep,
    exam: ExamDep,
    scan: ScanDep,
    caller: CallerDep,
    failed_by: FailedByDep,
) -> RetriedWorkflowView:
    """Start each DAG task that has failed anew, and keep what was completed; never a scan."""
    retried = use_case(
        store,
        queue,
        exam,
        scan,
        give_clock(),
        give_settings(),
        workflow_id,
        caller.token,
        caller.cause,
        failed_by,
    )
    return RetriedWorkflowView.of(retried)


lambda_handler = create_handler(router)
