"""POST /process/{workflow_id}/."""

from typing import Annotated

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import (
    CallerDep,
    ExamDep,
    OrchestratorDep,
    QueueDep,
    ScanDep,
    StoreDep,
    give_clock,
    give_settings,
)
from workflow_manager.http.ids import PathId
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.schemas import ProcessedWorkflowView
from workflow_manager.services.process_workflow import process_workflow as use_case

from fastapi import Query

AutoAdvance = Annotated[
    bool | None,
    Query(description="From now on, whether DAG tasks start by themselves once they are ready."),
]
router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.post("/process/{workflow_id}/", operation_id="process_workflow")
def process_workflow(
    workflow_id: PathId,
    store: StoreDep,
    queue: QueueDep,
    orchestrator: OrchestratorDep,
    exam: ExamDep,
    scan: ScanDep,
    caller: CallerDep,
    auto_advance: AutoAdvance = None,
) -> ProcessedWorkflowView:
    """Start the first task that is pending and ready, and DAG tasks that are ready beside it.

    The whole workflow is checked before a scan: 422 or 409 has all reasons in `problems` and
    `tasks`. What no service answers within 3 s is no reason, and is listed in `not_checked`. A call
    that the same user repeats within 10 s is answered with the scan that the first has started.
    """
    ports = (store, queue, orchestrator, exam, scan, give_clock(), give_settings())
    processed = use_case(*ports, workflow_id, caller.token, caller.cause, auto_advance)
    return ProcessedWorkflowView.of(processed)


lambda_handler = create_handler(router)
