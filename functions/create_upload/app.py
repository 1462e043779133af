"""POST /uploads/."""

from workflow_manager.domain.upload import Upload
from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import (
    CallerDep,
    ExamDep,
    LakeDep,
    OrchestratorDep,
    QueueDep,
    StoreDep,
    give_settings,
)
from workflow_manager.http.idempotency import OnceDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.upload_schemas import CreateUploadBody, UploadView, expiry_of_urls
from workflow_manager.services.create_upload import UploadRequest
from workflow_manager.services.create_upload import create_upload as use_case
from workflow_manager.services.get_upload import PartWindow, get_upload, sign_missing

router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.post("/uploads/", operation_id="create_upload", status_code=201)
def create_upload(
    body: CreateUploadBody,
    orchestrator: OrchestratorDep,
    exam: ExamDep,
    store: StoreDep,
    lake: LakeDep,
    queue: QueueDep,
    caller: CallerDep,
    once: OnceDep,
) -> UploadView:
    """Plan an upload of any size, straight to the data lake."""
    request = UploadRequest(**body.model_dump())
    begun: list[Upload] = []

    def begin() -> str:
        begun.append(
            use_case(store, lake, queue, orchestrator, exam, give_settings(), request, caller.cause)
        )
        return begun[0].upload_id

    upload_id = once(begin, body.model_dump())
    if begun:
        # Nothing can have arrived yet.
        progress = sign_missing(lake, begun[0], [], PartWindow())
    else:
        progress = get_upload(store, lake, exam, upload_id, PartWindow(), caller.cause)
        progress.upload.require_not_aborted()
    return UploadView.of(progress, expiry_of_urls(give_settings(), caller.cause))


lambda_handler = create_handler(router)
