"""POST /uploads/."""

from datetime import timedelta

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import CallerDep, UserPortsDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.upload_schemas import CreateUploadBody, UploadPlan
from workflow_manager.services.create_upload import UploadRequest, create_upload

router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.post("/uploads/", operation_id="create_upload", status_code=201)
def answer(body: CreateUploadBody, ports: UserPortsDep, caller: CallerDep) -> UploadPlan:
    """Plan an upload of any size, straight to the data lake."""
    request = UploadRequest(**body.model_dump())
    upload, parts = create_upload(ports, request, caller.cause)
    lifetime = timedelta(seconds=ports.settings.upload_url_lifetime_s)
    return UploadPlan.of(upload, parts, caller.cause.at + lifetime)


app = create_app(router)
lambda_handler = create_handler(app)
