"""Fetch raw data from S3 and put results there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from scanhub_reconstruction.model import RawDataError
from scanhub_reconstruction.scratch import check_room, find_room

_CONFIG = Config(
    connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 5}
)
# Not in ranges: the laptop's S3 answers a range of a named version with the whole object.
_ONE_STREAM = TransferConfig(multipart_threshold=2**62, use_threads=False)
_NOT_FOUND_CODES = ("404", "NoSuchKey", "NoSuchVersion")


class ObjectStore:
    """One bucket of S3; the endpoint comes from AWS_ENDPOINT_URL where that is set.

    Parameters
    ----------
    bucket
        Name of the bucket.
    """

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._client: Any = boto3.client("s3", config=_CONFIG)

    def download(self, key: str, version_id: str | None, path: Path) -> None:
        """Save an object as a file.

        Parameters
        ----------
        key, version_id
            The object; without a version, the latest.
        path
            The file to write.

        Raises
        ------
        RawDataError
            If the object does not exist (any more), or is too large for the disk.
        """
        version = {"VersionId": version_id} if version_id else {}
        try:
            head = self._client.head_object(Bucket=self._bucket, Key=key, **version)
            check_room(head["ContentLength"], find_room(path.parent))
            self._client.download_file(
                self._bucket, key, str(path), ExtraArgs=version, Config=_ONE_STREAM
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_FOUND_CODES:
                raise RawDataError("The uploaded file is not in the data lake any more.") from None
            raise

    def upload(self, key: str, body: bytes, content_type: str) -> None:
        """Write an object.

        Parameters
        ----------
        key
            Where; an existing object gets a new version.
        body
            The bytes.
        content_type
            Media type.
        """
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type)
