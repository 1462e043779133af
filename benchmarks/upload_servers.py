"""What the benchmark of uploads sends to: one server of `SERVERS` in a process of its own.

It prints its port, serves until its input ends, and prints what it took.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from fastapi import FastAPI, UploadFile

from benchmarks.child import cpu_s, peak_mb, tell
from benchmarks.s3_sink import run_s3_sink
from benchmarks.upload_clients import BUCKET
from local.config import DAG_ID
from local.scanhub.server import open_socket, serve
from scanhub_workflow import Client
from workflow_manager.data_lake.s3 import S3DataLake, build_s3_client
from workflow_manager.domain.upload import Upload, UploadState, choose_part_size
from workflow_manager.http.upload_schemas import (
    CompletedUpload,
    CompleteUploadBody,
    CreateUploadBody,
    UploadView,
)
from workflow_manager.services.get_upload import DEFAULT_N_URLS, PresignedPart, UploadProgress
from workflow_manager.settings import Settings

N_WARM_UP_UPLOADS = 5


@contextmanager
def run_sink(folder: Path) -> Iterator[int]:
    """Count bytes in S3's protocol."""
    with run_s3_sink() as sink:
        yield sink.port


@contextmanager
def run_endpoint(folder: Path) -> Iterator[int]:
    """Take files as ScanHub did: whole into memory, then to disk, while the event loop waits."""
    app = FastAPI()

    @app.post("/upload")
    async def upload(file: UploadFile) -> None:
        content = await file.read()
        (folder / uuid4().hex).write_bytes(content)

    with serve(app, open_socket(0)) as address:
        yield int(address.rpartition(":")[2])


@contextmanager
def run_api(folder: Path) -> Iterator[int]:
    """Plan and complete uploads to the S3 that the environment names."""
    settings = Settings(bucket_name=BUCKET)
    with (
        closing(build_s3_client()) as s3,
        serve(make_api(S3DataLake(s3, settings), settings), open_socket(0)) as address,
    ):
        # The first answers take 30 ms more; those of functions that are in use do not.
        tiny = folder / "tiny"
        tiny.write_bytes(b"x")
        with Client(f"http://{address}", "any") as client:
            for _ in range(N_WARM_UP_UPLOADS):
                client.upload(tiny, dag_id=DAG_ID)
        yield int(address.rpartition(":")[2])


def make_api(lake: S3DataLake, settings: Settings) -> FastAPI:
    """Return the API's uploads as far as `Client.upload` calls them; who calls is not asked.

    Parts are planned and signed by the code of the real functions. What these also do, the table
    and the comparison of the parts with S3's list, is left out. As there, nothing is called in a
    thread.
    """
    app = FastAPI()
    uploads: dict[str, Upload] = {}

    def show(upload: Upload, from_part: int, limit: int) -> UploadView:
        parts = [
            PresignedPart(
                n, upload.part_size(n), lake.presign_part(upload.key, upload.s3_upload_id, n)
            )
            for n in range(from_part, upload.n_parts + 1)[:limit]
        ]
        expires_at = datetime.now(UTC) + timedelta(seconds=settings.upload_url_lifetime_s)
        return UploadView.of(UploadProgress(upload, missing=parts), expires_at)

    @app.post("/uploads/", status_code=201)
    async def create_upload(body: CreateUploadBody) -> UploadView:
        key = uuid4().hex
        uploads[key] = Upload(
            **body.model_dump(),
            upload_id=key,
            owner="benchmark",
            key=key,
            s3_upload_id=lake.create_multipart_upload(key, body.content_type),
            part_size_bytes=choose_part_size(body.size_bytes),
            created_at=datetime.now(UTC),
        )
        return show(uploads[key], 1, DEFAULT_N_URLS)

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


SERVERS = {"sink": run_sink, "endpoint": run_endpoint, "api": run_api}


def main(name: str, folder: str) -> None:
    """Serve until the input ends."""
    with SERVERS[name](Path(folder)) as port:
        start_s = cpu_s()
        tell(port)
        sys.stdin.read()
        tell({"cpu_s": cpu_s() - start_s, "peak_mb": peak_mb()})


if __name__ == "__main__":
    main(*sys.argv[1:])
