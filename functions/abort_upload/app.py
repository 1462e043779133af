"""DELETE /uploads/{upload_id}/."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import CallerDep, ExamDep, LakeDep, StoreDep
from workflow_manager.http.ids import PathId
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.upload_schemas import AbortedUpload
from workflow_manager.services.abort_upload import abort_upload as use_case

router = ScanHubRouter(401, 403, 404, 409, 422, 502, 503, 504)


@router.delete("/uploads/{upload_id}/", operation_id="abort_upload")
def abort_upload(
    upload_id: PathId, store: StoreDep, lake: LakeDep, exam: ExamDep, caller: CallerDep
) -> AbortedUpload:
    """Give an upload up and delete the parts that have arrived."""
    upload = use_case(store, lake, exam, upload_id, caller.cause)
    return AbortedUpload(upload_id=upload.upload_id, state=upload.state)


lambda_handler = create_handler(router)
