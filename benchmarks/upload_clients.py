"""The ways to send a file that the benchmark of uploads compares, each in a process of its own.

It prepares itself, says so, waits for the end of its input, sends the file, and prints what that
took. The environment says where AWS and the API are. Each way imports only what it needs: that
counts as memory.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.process_usage import cpu_s, peak_mb
from local.config import DAG_ID

BUCKET = "data-lake"
Send = Callable[[], object]


def prepare_client(path: Path) -> Send:
    """Send by the client library, the API's part of it included."""
    from scanhub_workflow import Client

    client = Client()
    return lambda: client.upload(path, dag_id=DAG_ID)


def prepare_boto3(path: Path, config: Any = None) -> Send:
    """Send by boto3 as it comes, its checksums included, but for ``config``."""
    import boto3

    client = boto3.client("s3", config=config)
    return lambda: client.upload_file(str(path), BUCKET, f"raw-{os.getpid()}")


def prepare_endpoint(path: Path) -> Send:
    """Send a form with the file in it, streamed, to an endpoint that reads it whole."""
    import httpx

    url = f"{os.environ['AWS_ENDPOINT_URL']}/upload"

    def send() -> None:
        with path.open("rb") as file:
            httpx.post(url, files={"file": file}, timeout=300).raise_for_status()

    return send


def main(way: str, path: Path) -> None:
    """Send a file when told, and print what that took."""
    match way:
        case "Client.upload":
            send = prepare_client(path)
        case "boto3":
            send = prepare_boto3(path)
        case "boto3, body unsigned":
            from botocore.config import Config

            send = prepare_boto3(path, Config(s3={"payload_signing_enabled": False}))
        case _:
            send = prepare_endpoint(path)
    print(json.dumps("ready"), flush=True)
    sys.stdin.read()
    start_s, start_cpu_s = time.monotonic(), cpu_s()
    send()
    end_s, used_s = time.monotonic(), cpu_s() - start_cpu_s
    report = {"start_s": start_s, "end_s": end_s, "cpu_s": used_s, "peak_mb": peak_mb()}
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
