"""DELETE /uploads/{upload_id}/."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import CallerDep, UserPortsDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.upload_schemas import AbortedUpload
from workflow_manager.services.abort_upload import abort_upload

router = ScanHubRouter(401, 403, 404, 409, 422, 502, 503, 504)


@router.delete("/uploads/{upload_id}/", operation_id="abort_upload")
def answer(upload_id: str, ports: UserPortsDep, caller: CallerDep) -> AbortedUpload:
    """Give an upload up and delete the parts that have arrived."""
    upload = abort_upload(ports, upload_id, caller.cause)
    return AbortedUpload(upload_id=upload.upload_id, state=upload.state)


app = create_app(router)
lambda_handler = create_handler(app, "store", "lake")
