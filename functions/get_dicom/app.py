"""GET /dicom/{result_id}/."""

from typing import Annotated

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import ExamDep, LakeDep, get_caller
from workflow_manager.http.ids import PathId
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.get_dicom import get_dicom as use_case

from fastapi import Depends, Query, Response

FileName = Annotated[
    str | None,
    Query(max_length=1024, description="Of a result of several files, the one; else the middle."),
]
router = ScanHubRouter(401, 403, 404, 422, 502, 503, 504, dependencies=[Depends(get_caller)])


@router.get(
    "/dicom/{result_id}/", operation_id="get_dicom", status_code=302, response_class=Response
)
def get_dicom(
    result_id: PathId, exam: ExamDep, lake: LakeDep, file_name: FileName = None
) -> Response:
    """Lead a viewer to the DICOM file of a result, by exam-manager's id of the result."""
    # Whoever holds the URL can read the image: it stays in no cache, and no page hands it on.
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    url = use_case(lake, exam, result_id, file_name)
    return Response(status_code=302, headers=headers | {"Location": url})


lambda_handler = create_handler(router)
