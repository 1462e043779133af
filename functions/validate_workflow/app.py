"""POST /workflows/{workflow_id}/validate/."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import (
    CallerDep,
    ExamDep,
    OrchestratorDep,
    ScanDep,
    StoreDep,
    give_settings,
)
from workflow_manager.http.ids import PathId
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.validation_schemas import ValidatedWorkflowView
from workflow_manager.services.validate_workflow import validate_workflow as use_case

router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.post("/workflows/{workflow_id}/validate/", operation_id="validate_workflow")
def validate_workflow(
    workflow_id: PathId,
    store: StoreDep,
    exam: ExamDep,
    orchestrator: OrchestratorDep,
    scan: ScanDep,
    caller: CallerDep,
) -> ValidatedWorkflowView:
    """Say what processing the workflow would start, in which order, and what is missing."""
    return ValidatedWorkflowView.of(
        use_case(store, orchestrator, exam, scan, give_settings(), workflow_id, caller.cause)
    )


lambda_handler = create_handler(router)
