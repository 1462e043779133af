"""The ways to send a file that the benchmark of uploads compares, each in a process of its own.

It prepares itself, says so, waits for the end of its input, sends the file, and prints what that
took. The environment says where AWS and the API are. Each way imports only what it needs: that
counts as memory.
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


def prepare_client(path: Path) -> Callable[[], object]:
    """Send by the client library, the API's part of it included."""
    from scanhub_workflow import Client

    client = Client()
    return lambda: client.upload(path, dag_id=DAG_ID)


def prepare_boto3(path: Path, is_signed: bool) -> Callable[[], object]:
    """Send by boto3 as it comes, its checksums included, the body signed as over HTTP or not."""
    import boto3
    from botocore.config import Config

    config = None if is_signed else Config(s3={"payload_signing_enabled": False})
    client = boto3.client("s3", config=config)
    return lambda: client.upload_file(str(path), BUCKET, f"raw-{os.getpid()}")


def prepare_endpoint(path: Path) -> Callable[[], object]:
    """Send a form with the file in it, streamed, to an endpoint that reads it whole."""
    import httpx

    url = f"{os.environ['AWS_ENDPOINT_URL']}/upload"

    def send() -> None:
        with path.open("rb") as file:
            httpx.post(url, files={"file": file}, timeout=300).raise_for_status()

    return send


def main(way: str, path: Path) -> None:
    """Send a file when told, and print what that took."""
    if way == "Client.upload":
        send = prepare_client(path)
    elif way.startswith("boto3"):
        send = prepare_boto3(path, is_signed=way == "boto3")
    else:
        send = prepare_endpoint(path)
    tell("ready")
    sys.stdin.read()
    start_s, start_cpu_s = time.monotonic(), cpu_s()
    send()
    end_s, used_s = time.monotonic(), cpu_s() - start_cpu_s
    tell({"start_s": start_s, "end_s": end_s, "cpu_s": used_s, "peak_mb": peak_mb()})


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
