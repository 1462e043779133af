"""What the benchmark of uploads sends to: one server of `SERVERS` in a process of its own.

It prints its port, serves until its input ends, and prints what it took.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, UploadFile

from benchmarks.process_usage import cpu_s, peak_mb
from benchmarks.s3_sink import run_s3_sink
from benchmarks.upload_api import make_app
from benchmarks.upload_clients import BUCKET
from local.aws import make_client, start_aws
from local.config import DAG_ID, HOST, StackConfig
from local.processes import Processes
from local.scanhub.server import open_socket
from scanhub_workflow import Client
from workflow_manager.data_lake.s3 import S3DataLake, build_s3_client
from workflow_manager.settings import Settings

N_WARM_UP_UPLOADS = 5


@contextmanager
def run_sink(folder: Path) -> Iterator[int]:
    """Count bytes in S3's protocol."""
    with run_s3_sink() as sink:
        yield sink.port


@contextmanager
def run_emulator(folder: Path) -> Iterator[int]:
    """Run the laptop's S3, with nothing in it but a bucket."""
    with open_socket(0) as listener:
        config = StackConfig(folder=folder, aws_port=listener.getsockname()[1])
    for name in ("log", "run"):
        (folder / name).mkdir()
    processes = Processes(folder)
    try:
        start_aws(config, processes)
        make_client(config, "s3").create_bucket(Bucket=BUCKET)
        yield config.aws_port
    finally:
        processes.stop()


@contextmanager
def run_endpoint(folder: Path) -> Iterator[int]:
    """Take files as ScanHub did: whole into memory, then to disk, while the event loop waits."""
    app = FastAPI()

    @app.post("/upload")
    async def upload(file: UploadFile) -> None:
        content = await file.read()
        (folder / uuid4().hex).write_bytes(content)

    with _serve(app) as port:
        yield port


@contextmanager
def run_api(folder: Path) -> Iterator[int]:
    """Plan and complete uploads to the S3 that the environment names."""
    settings = Settings(bucket_name=BUCKET)
    with (
        closing(build_s3_client()) as s3,
        _serve(make_app(S3DataLake(s3, settings), settings)) as port,
    ):
        # The first answers take 30 ms more; those of functions that are in use do not.
        tiny = folder / "tiny"
        tiny.write_bytes(b"x")
        with Client(f"http://{HOST}:{port}", "any") as client:
            for _ in range(N_WARM_UP_UPLOADS):
                client.upload(tiny, dag_id=DAG_ID)
        yield port


@contextmanager
def _serve(app: FastAPI) -> Iterator[int]:
    listener = open_socket(0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


SERVERS = {
    "sink": run_sink,
    "emulator": run_emulator,
    "endpoint": run_endpoint,
    "api": run_api,
}


def main(name: str, folder: str) -> None:
    """Serve until the input ends."""
    with SERVERS[name](Path(folder)) as port:
        start_s = cpu_s()
        print(port, flush=True)
        sys.stdin.read()
        print(json.dumps({"cpu_s": cpu_s() - start_s, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
