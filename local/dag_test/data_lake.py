"""The data lake of one run: the laptop's S3, in memory, with what the run is given."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local.aws import make_client
from local.config import HOST, REGION, ROOT, StackConfig, StackError, clean_environ
from local.probes import is_aws_ready
from workflow_manager.domain.data_lake import ObjectVersion, dag_data_key, result_prefix
from workflow_manager.domain.result import Result, result_type_of

BUCKET = "data-lake"
DATA_SUFFIXES = (".dcm", ".h5", ".hdf5", ".mrd", ".npy")
READY_TIMEOUT_S = 60
_POLL_S = 0.05
_BEFORE = "before"
_TASK_ID = "00000000-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Lake:
    """An S3 that is starting; Airflow starts meanwhile."""

    config: StackConfig
    _process: subprocess.Popen[bytes]

    def open(self) -> Any:
        """Return a client of it once it answers, and holds the empty bucket.

        Raises
        ------
        StackError
            It does not start.
        """
        ends_at_s = time.monotonic() + READY_TIMEOUT_S
        while not is_aws_ready(self.config):
            if self._process.poll() is not None or time.monotonic() > ends_at_s:
                raise StackError("S3 in memory has not started.")
            time.sleep(_POLL_S)
        client = make_client(self.config, "s3")
        client.create_bucket(Bucket=BUCKET)
        enabled = {"Status": "Enabled"}
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=enabled)
        return client


@contextmanager
def start_s3(folder: Path) -> Iterator[Lake]:
    """Yield an S3 that starts, and that writes to the folder at most."""
    config = replace(StackConfig(), folder=folder, aws_port=_find_port())
    environ = clean_environ(
        BIND_HOST=HOST,
        GATEWAY_PORT=str(config.aws_port),
        MINISTACK_REGION=REGION,
        SERVICES="s3",
        SFTP_ENABLED="0",
        IOT_MTLS_ENABLED="0",
        STATE_DIR=str(folder / "s3"),
        TMPDIR=str(folder),
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "local.emulator"],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C is for the command, which then ends it.
        start_new_session=True,
    )
    try:
        yield Lake(config, process)
    finally:
        # It keeps nothing that is worth a gentle end.
        process.kill()
        process.wait()


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def list_files(path: Path) -> list[Path]:
    """Return a file, or a folder's files of data, without pictures and logs, by their names.

    Raises
    ------
    StackError
        There is none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise StackError(f"FILE={path} is no file and no folder.")
    files = [file for file in path.iterdir() if file.suffix.lower() in DATA_SUFFIXES]
    if not files:
        raise StackError(f"The folder FILE={path} holds no file {', '.join(DATA_SUFFIXES)}.")
    return sorted(files)


def put_input(client: Any, path: Path, dag_id: str) -> tuple[ObjectVersion, dict[str, Any]]:
    """Upload a run's input; return its first object, and the input as the run's conf has it.

    Parameters
    ----------
    path
        A file, as somebody's upload; or a folder, as the results of a reconstruction.
    """
    if path.is_file():
        first = _put(client, path, dag_data_key(dag_id, "dag-test", path.name))
        result = {**first.model_dump(exclude={"size_bytes"}), "type": None}
        return first, {**_describe(None, None, None), **result, "results": [result]}
    objects: list[ObjectVersion] = []
    results: list[dict[str, Any]] = []
    for file in list_files(path):
        # A result's key is the DAG's own, which keeps the order of its series in the name.
        key = f"{result_prefix(_BEFORE)}/{len(objects):05d}{file.suffix.lower()}"
        objects.append(_put(client, file, key))
        kind = result_type_of(file.name).value
        results.append({"bucket": BUCKET, "key": key, "version_id": None, "type": kind})
    first_result = {name: results[0][name] for name in ("bucket", "key", "version_id")}
    ids = _describe(_TASK_ID, _BEFORE, "RECONSTRUCTION_TASK")
    return objects[0], {**ids, **first_result, "results": results}


def _describe(task_id: str | None, dag_run_id: str | None, kind: str | None) -> dict[str, Any]:
    return {"task_id": task_id, "dag_run_id": dag_run_id, "type": kind}


def _put(client: Any, path: Path, key: str) -> ObjectVersion:
    with path.open("rb") as file:
        answer = client.put_object(Bucket=BUCKET, Key=key, Body=file)
    size_bytes = path.stat().st_size
    version_id = answer["VersionId"]
    return ObjectVersion(bucket=BUCKET, key=key, version_id=version_id, size_bytes=size_bytes)


def list_sizes(client: Any) -> dict[str, int]:
    """Return the size of every object of the data lake [bytes], by key."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return {each["Key"]: each["Size"] for page in pages for each in page.get("Contents", [])}


def fetch(client: Any, results: Sequence[Result], prefix: str, folder: Path) -> None:
    """Copy what is there of results and their pictures to a folder."""
    sizes = list_sizes(client)
    keys = [key for each in results for key in (each.key, each.preview_key)]
    for key in dict.fromkeys(key for key in keys if key in sizes):
        path = folder / str(key).removeprefix(f"{prefix}/")
        # A DAG without the kit may name anything.
        if path.resolve().is_relative_to(folder.resolve()):
            path.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(BUCKET, key, os.fspath(path))
