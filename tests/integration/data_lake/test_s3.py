from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from tests.contracts.data_lake import KEY, DataLakeContract, PutPart
from workflow_manager.data_lake.s3 import S3DataLake
from workflow_manager.domain.errors import (
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.upload import Part
from workflow_manager.ports import DataLake
from workflow_manager.settings import Settings


@pytest.fixture
def lake(s3: Any, settings: Settings) -> S3DataLake:
    return S3DataLake(s3, settings)


class TestS3DataLake(DataLakeContract):
    @pytest.fixture
    def put_part(self) -> PutPart:
        def put(url: str, body: bytes) -> str:
            # moto listens to requests, not to httpx.
            response = requests.put(url, data=body, timeout=5)
            response.raise_for_status()
            return response.headers["ETag"]

        return put

    def test_complete_returns_none_for_an_unknown_upload(self, lake: DataLake) -> None:
        # moto crashes here, so S3's documented answer stands in.
        error = ClientError({"Error": {"Code": "NoSuchUpload"}}, "CompleteMultipartUpload")
        closed = S3DataLake(FailingClient(error), Settings(bucket_name=lake.bucket))
        part = Part(part_number=1, etag='"d41d8cd98f00b204e9800998ecf8427e"')
        assert closed.complete_multipart_upload(KEY, "unknown", [part]) is None


class FailingClient:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def head_object(self, **_: Any) -> Any:
        raise self.error

    complete_multipart_upload = head_object


def test_presign_part_makes_a_regional_sigv4_url_without_checksum_headers(
    lake: S3DataLake, settings: Settings
) -> None:
    url = urlsplit(lake.presign_part(KEY, "s3-upload", 7))
    query = parse_qs(url.query)
    assert url.netloc == "data-lake.s3.eu-central-1.amazonaws.com"
    assert url.path == f"/{KEY}"
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-SignedHeaders"] == ["host"]
    assert query["X-Amz-Expires"] == [str(settings.upload_url_lifetime_s)]
    assert (query["partNumber"], query["uploadId"]) == (["7"], ["s3-upload"])
    assert not [name for name in query if "checksum" in name.lower()]


def test_create_multipart_upload_asks_for_a_full_object_checksum(lake: S3DataLake, s3: Any) -> None:
    upload_id = lake.create_multipart_upload(KEY, "application/x-hdf5")
    upload = s3.list_parts(Bucket=lake.bucket, Key=KEY, UploadId=upload_id)
    assert upload.get("ChecksumAlgorithm", "CRC64NVME") == "CRC64NVME"


def test_put_stores_no_metadata(lake: S3DataLake, s3: Any) -> None:
    lake.put(KEY, b"raw", "application/x-hdf5")
    stored = s3.head_object(Bucket=lake.bucket, Key=KEY)
    assert (stored["Metadata"], stored["ContentType"]) == ({}, "application/x-hdf5")


def test_head_returns_no_version_in_a_bucket_without_versioning(
    lake: S3DataLake, s3: Any, settings: Settings
) -> None:
    s3.put_bucket_versioning(Bucket=lake.bucket, VersioningConfiguration={"Status": "Suspended"})
    lake.put(KEY, b"raw", "application/x-hdf5")
    version = lake.head(KEY)
    assert version is not None
    assert version.version_id is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ClientError({"Error": {"Code": "403"}}, "HeadObject"), UpstreamRefusedError),
        (EndpointConnectionError(endpoint_url="https://s3"), UpstreamUnreachableError),
        (ReadTimeoutError(endpoint_url="https://s3"), UpstreamTimeoutError),
    ],
)
def test_head_maps_failures(error: Exception, expected: type[Exception]) -> None:
    lake = S3DataLake(FailingClient(error), Settings(bucket_name="data-lake"))
    with pytest.raises(expected) as caught:
        lake.head(KEY)
    assert isinstance(caught.value, UpstreamError)
