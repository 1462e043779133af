import io
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber

from tests.contracts.data_lake import KEY, TRACE, DataLakeContract, Download, PutPart
from workflow_manager.data_lake.s3 import S3DataLake
from workflow_manager.domain.data_lake import ObjectStart, ObjectVersion
from workflow_manager.domain.errors import (
    ConflictError,
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

    @pytest.fixture
    def download(self) -> Download:
        def get(url: str) -> tuple[bytes, str, str]:
            response = requests.get(url, timeout=5)
            response.raise_for_status()
            headers = response.headers
            return response.content, headers["Content-Disposition"], headers["Content-Type"]

        return get

    def test_complete_returns_none_for_an_unknown_upload(self, lake: DataLake) -> None:
        # moto crashes here, so S3's documented answer stands in.
        error = ClientError({"Error": {"Code": "NoSuchUpload"}}, "CompleteMultipartUpload")
        closed = S3DataLake(FailingClient(error), Settings(bucket_name=lake.bucket))
        part = Part(part_number=1, etag='"d41d8cd98f00b204e9800998ecf8427e"')
        assert closed.complete_multipart_upload(KEY, "unknown", [part], 1) is None

    def test_complete_refuses_parts_of_another_size_than_planned(
        self, lake: DataLake, put_part: PutPart
    ) -> None:
        # moto compares no size, so S3's documented answer stands in.
        error = ClientError({"Error": {"Code": "InvalidRequest"}}, "CompleteMultipartUpload")
        refusing = S3DataLake(FailingClient(error), Settings(bucket_name=lake.bucket))
        part = Part(part_number=1, etag='"d41d8cd98f00b204e9800998ecf8427e"')
        with pytest.raises(ConflictError):
            refusing.complete_multipart_upload(KEY, "upload", [part], 2)


class FailingClient:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def head_object(self, **_: Any) -> Any:
        raise self.error

    complete_multipart_upload = get_object = head_object


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


def test_presign_download_makes_a_regional_sigv4_url_of_its_own_lifetime(
    lake: S3DataLake, settings: Settings
) -> None:
    url = urlsplit(lake.presign_download("result/run-1/image.dcm", "run-1-image.dcm"))
    query = parse_qs(url.query)
    assert url.netloc == "data-lake.s3.eu-central-1.amazonaws.com"
    assert url.path == "/result/run-1/image.dcm"
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-SignedHeaders"] == ["host"]
    assert query["X-Amz-Expires"] == [str(settings.download_url_lifetime_s)] == ["900"]
    assert query["response-cache-control"] == ["no-store"]
    assert "versionId" not in query


def test_create_multipart_upload_asks_for_a_full_object_checksum(lake: S3DataLake, s3: Any) -> None:
    upload_id = lake.create_multipart_upload(KEY, "application/x-hdf5")
    upload = s3.list_parts(Bucket=lake.bucket, Key=KEY, UploadId=upload_id)
    assert upload.get("ChecksumAlgorithm", "CRC64NVME") == "CRC64NVME"


def test_put_stores_no_metadata(lake: S3DataLake, s3: Any) -> None:
    lake.put(KEY, b"raw", "application/x-hdf5")
    stored = s3.head_object(Bucket=lake.bucket, Key=KEY)
    assert (stored["Metadata"], stored["ContentType"]) == ({}, "application/x-hdf5")


def test_put_stores_the_trace_and_no_other_metadata(lake: S3DataLake, s3: Any) -> None:
    lake.put(KEY, b"raw", "application/x-hdf5", TRACE)
    stored = s3.head_object(Bucket=lake.bucket, Key=KEY)
    assert stored["Metadata"] == {"traceparent": TRACE.traceparent}


@pytest.mark.parametrize("text", ["Jane Doe", TRACE.traceparent.upper(), TRACE.traceparent + "0"])
def test_read_start_ignores_metadata_that_is_no_trace(lake: S3DataLake, s3: Any, text: str) -> None:
    s3.put_object(Bucket=lake.bucket, Key=KEY, Body=b"raw", Metadata={"traceparent": text})
    data = ObjectVersion(bucket=lake.bucket, key=KEY)
    assert lake.read_start(data, 3) == ObjectStart(b"raw")


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


class EndlessBody(io.RawIOBase):
    """What a server streams that does not know ranges: more than memory holds."""

    n_bytes_read = 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0
        self.n_bytes_read += size
        return b"\0" * size


def test_read_start_stops_reading_where_a_server_sends_everything() -> None:
    body = EndlessBody()
    client = SimpleNamespace(get_object=lambda **_: {"Body": body})
    data = ObjectVersion(bucket="data-lake", key=KEY, version_id="v1")

    start = S3DataLake(client, Settings(bucket_name="data-lake")).read_start(data, 1024)

    assert start == ObjectStart(bytes(1024))
    assert (body.n_bytes_read, body.closed) == (1024, True)


@pytest.mark.parametrize(
    ("code", "start"),
    [("NoSuchVersion", None), ("NoSuchKey", None), ("InvalidRange", ObjectStart(b""))],
)
def test_read_start_reads_what_s3_refuses(code: str, start: ObjectStart | None) -> None:
    client = FailingClient(ClientError({"Error": {"Code": code}}, "GetObject"))
    data = ObjectVersion(bucket="data-lake", key=KEY, version_id="v1")
    assert S3DataLake(client, Settings(bucket_name="data-lake")).read_start(data, 8) == start


def test_read_start_fails_while_s3_is_away() -> None:
    client = FailingClient(EndpointConnectionError(endpoint_url="https://s3"))
    data = ObjectVersion(bucket="data-lake", key=KEY, version_id="v1")
    with pytest.raises(UpstreamUnreachableError):
        S3DataLake(client, Settings(bucket_name="data-lake")).read_start(data, 8)


def test_delete_prefix_deletes_delete_markers_and_unversioned_objects(
    lake: S3DataLake, s3: Any
) -> None:
    # Given an object from before versioning, one of two versions, and one that was deleted by hand
    s3.put_bucket_versioning(Bucket=lake.bucket, VersioningConfiguration={"Status": "Suspended"})
    lake.put("result/run-1/old.dcm", b"0", "application/dicom")
    s3.put_bucket_versioning(Bucket=lake.bucket, VersioningConfiguration={"Status": "Enabled"})
    lake.put("result/run-1/old.dcm", b"1", "application/dicom")
    lake.put("result/run-1/gone.dcm", b"2", "application/dicom")
    s3.delete_object(Bucket=lake.bucket, Key="result/run-1/gone.dcm")
    assert len(lake.list_versions("result/run-1/")) == 4

    assert lake.delete_prefix("result/run-1/") == 4

    left = s3.list_object_versions(Bucket=lake.bucket)
    assert "Versions" not in left
    assert "DeleteMarkers" not in left


def test_delete_prefix_deletes_more_than_one_call_may_name(lake: S3DataLake, s3: Any) -> None:
    for number in range(1001):
        s3.put_object(Bucket=lake.bucket, Key=f"result/run-1/{number}.dcm")
    assert lake.delete_prefix("result/run-1/") == 1001
    assert lake.list_versions("result/") == []


def test_delete_prefix_fails_when_s3_leaves_a_version(lake: S3DataLake, s3: Any) -> None:
    version = lake.put("result/run-1/a.dcm", b"1", "application/dicom")
    refusal = {"Key": version.key, "Code": "AccessDenied", "Message": ""}

    class RefusingClient:
        def __getattr__(self, name: str) -> Any:
            return getattr(s3, name)

        def delete_objects(self, **_: Any) -> Any:
            return {"Errors": [refusal]}

    refused = S3DataLake(RefusingClient(), Settings(bucket_name=lake.bucket))
    with pytest.raises(UpstreamError, match="did not delete everything"):
        refused.delete_prefix("result/run-1/")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("BadDigest", "another CRC-64/NVME"),
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
        ("InvalidRequest", "list them again"),
        ("MalformedXML", "list them again"),
    ],
)
def test_complete_is_a_conflict_where_s3_finds_another_checksum_size_or_list(
    settings: Settings, code: str, message: str
) -> None:
    # Given S3's answer to what is not that of its parts
    client = boto3.client("s3", region_name="eu-central-1")
    part = Part(part_number=1, etag='"d41d8cd98f00b204e9800998ecf8427e"')
    request = {
        "Bucket": "data-lake",
        "Key": KEY,
        "UploadId": "upload",
        "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part.etag}]},
        "MpuObjectSize": 9,
        "ChecksumCRC64NVME": "rosUhgp5mIg=",
        "ChecksumType": "FULL_OBJECT",
    }
    with Stubber(client) as stubber:
        stubber.add_client_error(
            "complete_multipart_upload", code, http_status_code=400, expected_params=request
        )
        lake = S3DataLake(client, settings)

        # When an upload is completed with it; then that is the client's conflict, not our failure
        with pytest.raises(ConflictError, match=message):
            lake.complete_multipart_upload(KEY, "upload", [part], 9, "rosUhgp5mIg=")
