"""The API's uploads as far as `Client.upload` calls them: planned, signed, completed, not kept.

Parts are planned and signed by the code of the real functions. What these also do, the table and
the comparison of the parts with S3's list, is left out. As there, nothing is called in a thread.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from fastapi import FastAPI

from workflow_manager.data_lake.s3 import S3DataLake
from workflow_manager.domain.upload import Upload, UploadState, choose_part_size
from workflow_manager.http.upload_schemas import (
    CompletedUpload,
    CompleteUploadBody,
    CreateUploadBody,
    UploadView,
)
from workflow_manager.services.get_upload import DEFAULT_N_URLS, PresignedPart, UploadProgress
from workflow_manager.settings import Settings


def make_app(lake: S3DataLake, settings: Settings) -> FastAPI:
    """Return the API; who calls is not asked.

    Parameters
    ----------
    lake
        Where the parts go.
    settings
        Says how long a presigned URL works.
    """
    app = FastAPI()
    uploads: dict[str, Upload] = {}

    def show(upload: Upload, from_part: int, limit: int) -> UploadView:
        numbers = range(from_part, upload.n_parts + 1)[:limit]
        parts = [
            PresignedPart(
                n, upload.part_size(n), lake.presign_part(upload.key, upload.s3_upload_id, n)
            )
            for n in numbers
        ]
        expires_at = datetime.now(UTC) + timedelta(seconds=settings.upload_url_lifetime_s)
        return UploadView.of(UploadProgress(upload, missing=parts), expires_at)

    @app.post("/uploads/", status_code=201)
    async def create_upload(body: CreateUploadBody) -> UploadView:
        key = uuid4().hex
        upload = Upload(
            **body.model_dump(),
            upload_id=key,
            owner="benchmark",
            key=key,
            s3_upload_id=lake.create_multipart_upload(key, body.content_type),
            part_size_bytes=choose_part_size(body.size_bytes),
            created_at=datetime.now(UTC),
        )
        uploads[upload.upload_id] = upload
        return show(upload, 1, DEFAULT_N_URLS)

    @app.get("/uploads/{upload_id}/")
    async def get_upload(
        upload_id: str, from_part: int = 1, limit: int = DEFAULT_N_URLS
    ) -> UploadView:
        return show(uploads[upload_id], from_part, limit)

    @app.post("/uploads/{upload_id}/complete/")
    async def complete_upload(upload_id: str, body: CompleteUploadBody) -> CompletedUpload:
        upload = uploads[upload_id]
        lake.complete_multipart_upload(upload.key, upload.s3_upload_id, body.parts, body.crc64nvme)
        return CompletedUpload(
            upload_id=upload_id, state=UploadState.COMPLETED, dag_run_id=None, status_url=None
        )

    return app
