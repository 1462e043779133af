"""GET /uploads/{upload_id}/."""

from typing import Annotated

from workflow_manager.domain.upload import MAX_N_PARTS, MAX_N_URLS
from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import CallerDep, ExamDep, LakeDep, StoreDep, give_settings
from workflow_manager.http.ids import PathId
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.upload_schemas import UploadView, expiry_of_urls
from workflow_manager.services.get_upload import DEFAULT_N_URLS, PartWindow
from workflow_manager.services.get_upload import get_upload as use_case

from fastapi import Query

FromPart = Annotated[int, Query(ge=1, le=MAX_N_PARTS, description="Parts before it are not asked.")]
Limit = Annotated[int, Query(ge=0, le=MAX_N_URLS, description="The most URLs to answer.")]
router = ScanHubRouter(401, 403, 404, 422, 502, 503, 504)


@router.get("/uploads/{upload_id}/", operation_id="get_upload")
def get_upload(
    upload_id: PathId,
    store: StoreDep,
    lake: LakeDep,
    exam: ExamDep,
    caller: CallerDep,
    from_part: FromPart = 1,
    limit: Limit = DEFAULT_N_URLS,
) -> UploadView:
    """Show which parts have arrived, with fresh URLs for missing ones."""
    progress = use_case(store, lake, exam, upload_id, PartWindow(from_part, limit), caller.cause)
    return UploadView.of(progress, expiry_of_urls(give_settings(), caller.cause))


lambda_handler = create_handler(router)
