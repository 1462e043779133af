"""Fetch objects from the data lake and put results there."""

from __future__ import annotations

import logging
import math
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    FlexibleChecksumError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from scanhub_dag.conf import InputResult
from scanhub_dag.deadline import bound_aws_client, limit
from scanhub_dag.disk import find_room
from scanhub_dag.errors import RunError

_CONFIG = Config(
    connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 5}
)
# For a request with all of its tries; the content may take longer, at this many bytes a second.
_CALL_S, _SLOWEST_BYTES_PER_S = 120.0, 50_000
# botocore repeats requests, but no body that breaks off.
_N_TRIES = 3
_BROKEN_OFF = (FlexibleChecksumError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
_CHUNK_BYTES = 2**20
# In this thread: one that waits for S3 would outlive Airflow's time-out.
_IN_PARTS = TransferConfig(
    multipart_threshold=64 * 2**20, multipart_chunksize=64 * 2**20, use_threads=False
)
_SENTENCES = {
    "404": "{} is not in the data lake any more.",
    "NoSuchKey": "{} is not in the data lake any more.",
    "NoSuchVersion": "{} is not in the data lake any more.",
    "MethodNotAllowed": "{} is not in the data lake any more.",  # a version that marks a deletion
    # S3 also says so of an object that is gone, to whom may not list the bucket.
    "AccessDenied": "{} was erased, or the worker's role may not read it.",
    "InvalidObjectState": "{} is archived: it must be restored before a DAG can read it.",
}

_logger = logging.getLogger(__name__)


class ObjectStore:
    """S3; the endpoint comes from AWS_ENDPOINT_URL where that is set."""

    def __init__(self) -> None:
        self._client: Any = boto3.client("s3", config=_CONFIG)
        bound_aws_client(self._client)

    def download(self, source: InputResult, path: Path, *, name: str) -> None:
        """Save an object as a file.

        Parameters
        ----------
        source
            The object.
        path
            The file to write.
        name
            What a sentence calls it, for keys are not shown.

        Raises
        ------
        RunError
            If the object does not exist (any more), may not be read, or is too large for the disk.
        """
        for n_left in reversed(range(_N_TRIES)):
            try:
                return self._save(source, path, name)
            except _BROKEN_OFF as error:
                if not n_left:
                    raise
                _logger.warning("%s broke off (%s), trying again.", name, type(error).__name__)
            except ClientError as error:
                sentence = _SENTENCES.get(error.response["Error"]["Code"])
                if sentence is None:
                    raise
                raise RunError(sentence.format(name)) from None

    def _save(self, source: InputResult, path: Path, name: str) -> None:
        version = {"VersionId": source.version_id} if source.version_id else {}
        with limit(_CALL_S):
            answer = self._client.get_object(Bucket=source.bucket, Key=source.key, **version)
        n_bytes = answer["ContentLength"]
        with (
            closing(answer["Body"]) as body,
            path.open("wb") as file,
            limit(_longest_s(n_bytes), math.inf),
        ):
            if n_bytes > find_room(path.parent):
                raise RunError(f"{name} is too large for the disk of the worker.")
            for chunk in body.iter_chunks(_CHUNK_BYTES):
                file.write(chunk)

    def upload(self, path: Path, bucket: str, key: str, content_type: str) -> None:
        """Write an object; an existing one gets a new version.

        Parameters
        ----------
        path
            The file to read.
        bucket, key
            Where.
        content_type
            Media type.
        """
        with limit(_longest_s(path.stat().st_size)):
            self._client.upload_file(
                str(path), bucket, key, ExtraArgs={"ContentType": content_type}, Config=_IN_PARTS
            )


def _longest_s(n_bytes: int) -> float:
    return _CALL_S + n_bytes / _SLOWEST_BYTES_PER_S
