"""POST /uploads/{upload_id}/complete/."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import CallerDep, UserPortsDep
from workflow_manager.http.routing import ScanHubRouter, status_url
from workflow_manager.http.upload_schemas import CompletedUpload, CompleteUploadBody
from workflow_manager.services.complete_upload import SentFile, complete_upload, dag_run_of

from fastapi import Request

router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.post("/uploads/{upload_id}/complete/", operation_id="complete_upload")
def answer(
    upload_id: str,
    body: CompleteUploadBody,
    request: Request,
    ports: UserPortsDep,
    caller: CallerDep,
) -> CompletedUpload:
    """Make one object of the parts; its event starts what it was sent for."""
    upload = complete_upload(ports, upload_id, SentFile(body.parts, body.crc64nvme), caller.cause)
    dag_run_id = dag_run_of(ports, upload)
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


app = create_app(router)
lambda_handler = create_handler(app, "store", "lake")
