"""POST /upload_and_trigger/{dag_id}/."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import CallerDep, LakeDep, OrchestratorDep
from workflow_manager.http.routing import ScanHubRouter, status_url
from workflow_manager.http.upload_schemas import TriggeredUploadView
from workflow_manager.services.upload_and_trigger import upload_and_trigger as use_case

from fastapi import File, Request, UploadFile

router = ScanHubRouter(400, 401, 403, 404, 409, 413, 422, 502, 503, 504)


@router.post("/upload_and_trigger/{dag_id}/", operation_id="upload_and_trigger")
def upload_and_trigger(
    dag_id: str,
    request: Request,
    orchestrator: OrchestratorDep,
    lake: LakeDep,
    caller: CallerDep,
    file: UploadFile = File(),
) -> TriggeredUploadView:
    """Upload a file of up to 4 MiB and trigger a DAG with it."""
    name, body = file.filename or "", file.file.read()
    triggered = use_case(lake, orchestrator, dag_id, name, body, caller.cause)
    return TriggeredUploadView.of(triggered, status_url(request, "dag_runs", triggered.dag_run_id))


lambda_handler = create_handler(router)
