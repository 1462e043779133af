"""The servers that the benchmark of uploads sends to: one of `SERVERS` in its own process.

It prints its port, serves until its input ends, and prints what it took.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from fastapi import FastAPI, UploadFile

from benchmarks.child import cpu_s, peak_mb, tell
from benchmarks.s3_sink import run_s3_sink
from local.config import DAG_ID
from local.scanhub.server import open_socket, serve

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
    """Run the real functions, with a table in memory and the S3 that the environment names."""
    from scanhub_workflow import Client
    from tests.fakes.app import make_app
    from tests.fakes.orchestrator import MemoryOrchestrator
    from tests.fakes.ports import MemoryPorts
    from workflow_manager.data_lake.s3 import S3DataLake, build_s3_client
    from workflow_manager.ports import Dag
    from workflow_manager.wiring import PORTS

    ports: Any = MemoryPorts(
        orchestrator=MemoryOrchestrator([Dag(dag_id=DAG_ID, dag_display_name="")])
    )
    ports.clock = partial(datetime.now, UTC)
    made = {name: lambda name=name, **_: getattr(ports, name) for name in PORTS}
    with (
        patch.dict(PORTS, made),
        closing(build_s3_client()) as s3,
        serve(make_app(), open_socket(0)) as address,
    ):
        ports.lake = S3DataLake(s3, ports.settings)
        # Warm up: the first answers of a function take 30 ms more.
        tiny = folder / "tiny"
        tiny.write_bytes(b"x")
        with Client(f"http://{address}", "any") as client:
            for _ in range(N_WARM_UP_UPLOADS):
                client.upload(tiny, dag_id=DAG_ID)
        yield int(address.rpartition(":")[2])


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
