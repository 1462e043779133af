"""The ways to send a file that the benchmark of uploads compares, each in its own process.

It prepares itself, says so, waits for the end of its input, sends the file, and tells what that
took. Variables say where AWS and the API are. Each way imports only what it needs, because imports
count as memory.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.child import cpu_s, peak_mb, tell
from local.config import DAG_ID

BUCKET = "data-lake"


def prepare(way: str, path: Path) -> Callable[[], object]:
    """Return a function that sends a file."""
    if way == "Client.upload":
        from scanhub_workflow import Client

        client = Client()
        return lambda: client.upload(path, dag_id=DAG_ID)
    if way.startswith("boto3"):
        import boto3
        from botocore.config import Config

        unsigned = Config(s3={"payload_signing_enabled": False})
        s3 = boto3.client("s3", config=None if way == "boto3" else unsigned)
        return lambda: s3.upload_file(str(path), BUCKET, f"raw-{os.getpid()}")
    import httpx

    url = f"{os.environ['AWS_ENDPOINT_URL']}/upload"

    def send() -> None:
        with path.open("rb") as file:
            httpx.post(url, files={"file": file}, timeout=300).raise_for_status()

    return send


def main(way: str, path: Path) -> None:
    """Prepare to send a file, send it when told, and tell what that took."""
    send = prepare(way, path)
    tell("ready")
    sys.stdin.read()
    start_s, start_cpu_s = time.monotonic(), cpu_s()
    send()
    end_s, used_s = time.monotonic(), cpu_s() - start_cpu_s
    tell({"start_s": start_s, "end_s": end_s, "cpu_s": used_s, "peak_mb": peak_mb()})


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
