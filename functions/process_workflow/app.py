"""POST /process/{workflow_id}/."""

from typing import Annotated

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import CallerDep, UserPortsDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.schemas import ProcessedWorkflowView
from workflow_manager.services.process_workflow import process_workflow

from fastapi import Query

AutoAdvance = Annotated[
    bool | None,
    Query(description="From now on, whether DAG tasks start by themselves once they are ready."),
]
router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.post("/process/{workflow_id}/", operation_id="process_workflow")
def answer(
    workflow_id: str, ports: UserPortsDep, caller: CallerDep, auto_advance: AutoAdvance = None
) -> ProcessedWorkflowView:
    """Start the first task that is pending and ready, and DAG tasks that are ready beside it."""
    processed = process_workflow(ports, workflow_id, caller.token, caller.cause, auto_advance)
    return ProcessedWorkflowView.of(processed)


app = create_app(router)
lambda_handler = create_handler(app, "store", "exam", "scan", "queue")
