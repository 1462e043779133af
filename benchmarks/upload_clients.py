"""The ways to send a file that the benchmark of uploads compares, each in a process of its own.

It prepares itself, says so, waits for the end of its input, sends the file, and prints what that
took. The environment says where AWS is. Each way imports only what it needs: that counts as memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.process_usage import cpu_s, peak_mb

if TYPE_CHECKING:
    from workflow_manager.data_lake.s3 import S3DataLake

BUCKET = "data-lake"
_N_AT_ONCE = 8
Send = Callable[[], Any]


def prepare_presigned(path: Path) -> tuple[Send, Callable[[Any], float]]:
    """Send parts to presigned URLs; return how, and how the API's part of it is done."""
    import httpx

    from benchmarks.presigned_parts import PresignedPart, send_parts

    plan = _call_api("create", path.stat().st_size)
    parts = [PresignedPart(**part) for part in plan["parts"]]

    def complete(etags: list[str]) -> float:
        done = _call_api("complete", plan["key"], plan["s3_upload_id"], etags)
        return float(plan["duration_s"] + done["duration_s"])

    client = httpx.Client()
    return lambda: send_parts(client, path, parts, _N_AT_ONCE), complete


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


def create(size_bytes: int) -> dict[str, Any]:
    """Do what the API does to create an upload: S3's multipart upload and a URL per part."""
    from workflow_manager.domain.upload import choose_part_size

    client, lake = _build_lake()
    start_s = time.perf_counter()
    key = f"raw-{os.getpid()}"
    # Without the checksum that the API asks S3 for: the emulator computes it in Python, at 9 MB/s.
    s3_upload_id = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    step = choose_part_size(size_bytes)
    parts = [
        {
            "offset_bytes": offset,
            "size_bytes": min(step, size_bytes - offset),
            "url": lake.presign_part(key, s3_upload_id, 1 + offset // step),
        }
        for offset in range(0, size_bytes, step)
    ]
    duration_s = time.perf_counter() - start_s
    return {"key": key, "s3_upload_id": s3_upload_id, "parts": parts, "duration_s": duration_s}


def complete(key: str, s3_upload_id: str, etags: list[str]) -> dict[str, Any]:
    """Do what the API does with S3 to complete an upload."""
    from workflow_manager.domain.upload import Part

    _, lake = _build_lake()
    start_s = time.perf_counter()
    parts = [Part(part_number=1 + i, etag=etag) for i, etag in enumerate(etags)]
    lake.complete_multipart_upload(key, s3_upload_id, parts)
    return {"duration_s": time.perf_counter() - start_s}


def _build_lake() -> tuple[Any, S3DataLake]:
    from workflow_manager.data_lake.s3 import S3DataLake, build_s3_client
    from workflow_manager.settings import Settings

    client = build_s3_client()
    return client, S3DataLake(client, Settings(bucket_name=BUCKET))


def _call_api(*call: Any) -> Any:
    # Elsewhere, because a client of the API neither signs nor loads boto3.
    command = [sys.executable, "-m", __spec__.name, "api"]
    text = json.dumps(call)
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - our own words, no shell
    return json.loads(done.stdout)


def _need_no_api(_: Any) -> float:
    return 0.0


def main(way: str, path: Path) -> None:
    """Send a file when told, and print what that took."""
    finish: Callable[[Any], float] = _need_no_api
    match way:
        case "presigned parts":
            send, finish = prepare_presigned(path)
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
    outcome = send()
    end_s, used_s = time.monotonic(), cpu_s() - start_cpu_s
    report = {"start_s": start_s, "end_s": end_s, "cpu_s": used_s, "peak_mb": peak_mb()}
    print(json.dumps({**report, "api_s": finish(outcome)}))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["api"]:
            name, *arguments = json.load(sys.stdin)
            calls: dict[str, Callable[..., Any]] = {"create": create, "complete": complete}
            print(json.dumps(calls[name](*arguments)))
        case [way, path]:
            main(way, Path(path))
