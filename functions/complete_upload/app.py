"""POST /uploads/{upload_id}/complete/."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import CallerDep, ExamDep, LakeDep, StoreDep
from workflow_manager.http.ids import PathId
from workflow_manager.http.routing import ScanHubRouter, status_url
from workflow_manager.http.upload_schemas import CompletedUpload, CompleteUploadBody
from workflow_manager.services.complete_upload import (
    SentFile,
    dag_run_of,
)
from workflow_manager.services.complete_upload import (
    complete_upload as use_case,
)

from fastapi import Request

router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.post("/uploads/{upload_id}/complete/", operation_id="complete_upload")
def complete_upload(
    upload_id: PathId,
    body: CompleteUploadBody,
    request: Request,
    store: StoreDep,
    lake: LakeDep,
    exam: ExamDep,
    caller: CallerDep,
) -> CompletedUpload:
    """Make one object of the parts; its event starts what it was sent for."""
    upload = use_case(
        store, lake, exam, upload_id, SentFile(body.parts, body.crc64nvme), caller.cause
    )
    dag_run_id = dag_run_of(lake, upload)
    url = None
    if dag_run_id:
        url = status_url(request, "dag_runs", dag_run_id)
    elif upload.workflow_id:
        url = status_url(request, "workflows", upload.workflow_id)
    return CompletedUpload(
        upload_id=upload.upload_id,
        state=upload.state,
        dag_run_id=dag_run_id,
        workflow_id=upload.workflow_id,
        status_url=url,
    )


lambda_handler = create_handler(router)
