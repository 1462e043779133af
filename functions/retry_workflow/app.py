"""POST /workflows/{workflow_id}/retry/."""

from datetime import time
from typing import Annotated

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
from workflow_manager.http.ids import PathId
from workflow_manager.http.list_params import parse_time
from workflow_manager.http.retry_schemas import RetriedWorkflowView
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.retry_workflow import retry_workflow as use_case

from fastapi import Query

FailedBy = Annotated[
    str | None,
    Query(
        max_length=40,
        description="ISO date-time, UTC unless it says otherwise, as the workflow's `updated_at` "
        "that you have seen: only what had failed by then is started, however often you call.",
    ),
]
router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.post("/workflows/{workflow_id}/retry/", operation_id="retry_workflow")
def retry_workflow(
    workflow_id: PathId,
    store: StoreDep,
    queue: QueueDep,
    exam: ExamDep,
    scan: ScanDep,
    caller: CallerDep,
    failed_by: FailedBy = None,
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
        parse_time("failed_by", failed_by, time.max) if failed_by else None,
    )
    return RetriedWorkflowView.of(retried)


lambda_handler = create_handler(router)
