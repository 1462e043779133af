"""The `DataLake` on S3; an object's only metadata is its trace, as file names may name people."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from workflow_manager.aws import build_aws_client
from workflow_manager.data_lake.s3_errors import BAD_PARTS, code_of, s3_errors
from workflow_manager.deadline import limit
from workflow_manager.domain.data_lake import ObjectStart, ObjectVersion, check_prefix
from workflow_manager.domain.download import format_disposition
from workflow_manager.domain.errors import ConflictError, InvalidInputError, UpstreamError
from workflow_manager.domain.trace import TraceContext, parse_traceparent
from workflow_manager.domain.upload import Part
from workflow_manager.settings import Settings

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
MAX_N_KEYS_PER_DELETE = 1_000
# S3 keeps a caller waiting with spaces while it puts a large upload together: for as long as the
# caller's own call may take.
TOTAL_S = 20
TRACE_KEY = "traceparent"
_NO_OBJECT = {"404", "NoSuchKey", "NotFound"}
_NO_VERSION = _NO_OBJECT | {"NoSuchVersion"}


def build_s3_client() -> Any:
    """Return a client whose presigned URLs are SigV4, regional and free of checksum headers."""
    config = Config(
        signature_version="s3v4",
        # With the style left open, botocore presigns for the global endpoint.
        s3={"addressing_style": "virtual"},
        # By default, a part's URL could demand a checksum header of the client.
        request_checksum_calculation="when_required",
        connect_timeout=2,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    return build_aws_client("s3", config, TOTAL_S)


class S3DataLake:
    """The bucket in S3, reached by a client from `build_s3_client`."""

    def __init__(self, client: Any, settings: Settings) -> None:
        self._client = client
        self._bucket = settings.bucket_name
        self._url_lifetime_s = settings.upload_url_lifetime_s
        self._download_url_lifetime_s = settings.download_url_lifetime_s

    @property
    def bucket(self) -> str:
        """Its name."""
        return self._bucket

    def put(
        self, key: str, body: bytes, content_type: str, trace: TraceContext | None = None
    ) -> ObjectVersion:
        """Store a small object; the trace is its only metadata."""
        with s3_errors():
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                ChecksumAlgorithm="CRC32",
                Metadata=_metadata(trace),
            )
        return self._object_version(key, answer, len(body))

    def create_multipart_upload(
        self, key: str, content_type: str, trace: TraceContext | None = None
    ) -> str:
        """Begin a multipart upload and return S3's id of it; the object keeps the trace."""
        with s3_errors():
            # For a full-object CRC, S3 computes the checksums of parts that came without one.
            answer = self._client.create_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                ContentType=content_type,
                ChecksumAlgorithm="CRC64NVME",
                ChecksumType="FULL_OBJECT",
                Metadata=_metadata(trace),
            )
        return str(answer["UploadId"])

    def presign_part(self, key: str, s3_upload_id: str, part_number: int) -> str:
        """Return a URL that takes one part by PUT for as long as `Settings` says."""
        with s3_errors():
            url = self._client.generate_presigned_url(
                "upload_part",
                Params={
                    "Bucket": self._bucket,
                    "Key": key,
                    "UploadId": s3_upload_id,
                    "PartNumber": part_number,
                },
                ExpiresIn=self._url_lifetime_s,
            )
        return str(url)

    def list_parts(self, key: str, s3_upload_id: str) -> list[Part] | None:
        """Return the parts present, or None if the upload is not open (any more)."""
        with s3_errors():
            try:
                pages = self._client.get_paginator("list_parts").paginate(
                    Bucket=self._bucket, Key=key, UploadId=s3_upload_id
                )
                parts = [part for page in pages for part in page.get("Parts", [])]
            except ClientError as error:
                if code_of(error) != "NoSuchUpload":
                    raise
                return None
        return [
            Part(
                part_number=part["PartNumber"],
                etag=part["ETag"],
                size_bytes=part["Size"],
                crc64nvme=part.get("ChecksumCRC64NVME"),
            )
            for part in parts
        ]

    def complete_multipart_upload(
        self,
        key: str,
        s3_upload_id: str,
        parts: Sequence[Part],
        size_bytes: int,
        crc64nvme: str | None = None,
    ) -> ObjectVersion | None:
        """Make one object of the parts; None if the upload is not open (any more)."""
        checksum = {"ChecksumCRC64NVME": crc64nvme, "ChecksumType": "FULL_OBJECT"}
        wanted = sorted(parts, key=lambda part: part.part_number)
        listed = [{"PartNumber": part.part_number, "ETag": part.etag} for part in wanted]
        with s3_errors():
            try:
                answer = self._client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=key,
                    UploadId=s3_upload_id,
                    MultipartUpload={"Parts": listed},
                    MpuObjectSize=size_bytes,
                    **(checksum if crc64nvme else {}),
                )
            except ClientError as error:
                # The parts have another size together, or an ETag that no XML can hold.
                if code_of(error) in {"InvalidRequest", "MalformedXML"}:
                    raise ConflictError(BAD_PARTS) from error
                if code_of(error) != "NoSuchUpload":
                    raise
                return None
        return self._object_version(key, answer, size_bytes)

    def abort_multipart_upload(self, key: str, s3_upload_id: str) -> None:
        """Delete the parts of an upload; one that is not open (any more) is left alone."""
        with s3_errors():
            try:
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=key, UploadId=s3_upload_id
                )
            except ClientError as error:
                if code_of(error) != "NoSuchUpload":
                    raise

    def head(self, key: str) -> ObjectVersion | None:
        """Return the newest version of an object, or None."""
        with s3_errors():
            try:
                answer = self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if code_of(error) not in _NO_OBJECT:
                    raise
                return None
        return self._object_version(key, answer, answer["ContentLength"])

    def read_start(self, data: ObjectVersion, n_bytes: int) -> ObjectStart | None:
        """Return the first `n_bytes` of just this version, or all of it; None if it is gone."""
        version = {"VersionId": data.version_id} if data.version_id else {}
        asked = {"Bucket": data.bucket, "Key": data.key, "Range": f"bytes=0-{n_bytes - 1}"}
        with s3_errors(), limit(TOTAL_S):
            try:
                answer = self._client.get_object(**asked, **version)
            except ClientError as error:
                # S3 refuses a range of bytes of an empty object.
                if code_of(error) == "InvalidRange":
                    return ObjectStart(b"")
                if code_of(error) == "InvalidObjectState":
                    raise InvalidInputError("The object is archived: restore it first.") from error
                if code_of(error) not in _NO_VERSION:
                    raise
                return None
            # A server that does not know ranges sends everything: we leave the rest unread.
            with closing(answer["Body"]) as body:
                content = bytes(body.read(n_bytes))
        # Anybody who may write to the bucket may have set it, so it is parsed like a stranger's.
        metadata = answer.get("Metadata", {})
        return ObjectStart(content, parse_traceparent(metadata.get(TRACE_KEY)))

    def list_objects(self, prefix: str, limit: int, after: str = "") -> list[ObjectVersion]:
        """Return the newest versions below a prefix, by key."""
        start = {"StartAfter": after} if after else {}
        with s3_errors():
            answer = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=prefix, MaxKeys=limit, **start
            )
        return [
            ObjectVersion(bucket=self._bucket, key=item["Key"], size_bytes=item["Size"])
            for item in answer.get("Contents", [])
        ]

    def presign_download(self, key: str, file_name: str, shown_as: str | None = None) -> str:
        """Return a URL that gives an object by GET for as long as `Settings` says."""
        params = {
            "Bucket": self._bucket,
            "Key": key,
            "ResponseContentDisposition": format_disposition(file_name, shown_as),
            # Else browsers keep images of patients on their disk.
            "ResponseCacheControl": "no-store",
        }
        if shown_as:
            params["ResponseContentType"] = shown_as
        with s3_errors():
            url = self._client.generate_presigned_url(
                "get_object", Params=params, ExpiresIn=self._download_url_lifetime_s
            )
        return str(url)

    def list_versions(self, prefix: str) -> list[ObjectVersion]:
        """Return every version of every object under a prefix, delete markers among them."""
        with s3_errors():
            pages = self._client.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=prefix
            )
            return [
                self._object_version(entry["Key"], entry, entry.get("Size"))
                for page in pages
                for entry in page.get("Versions", []) + page.get("DeleteMarkers", [])
            ]

    def list_open_uploads(self, prefix: str) -> list[str]:
        """Return the key of every unfinished multipart upload under a prefix."""
        return [upload["Key"] for upload in self._list_uploads(prefix)]

    def delete_prefix(self, prefix: str) -> int:
        """Delete all versions and unfinished uploads below a prefix for good; return how many."""
        check_prefix(prefix)
        # Uploads first: an upload that is completed in between becomes an object, which we then
        # find.
        uploads = self._list_uploads(prefix)
        for upload in uploads:
            self.abort_multipart_upload(upload["Key"], upload["UploadId"])
        versions = self.list_versions(prefix)
        for start in range(0, len(versions), MAX_N_KEYS_PER_DELETE):
            self._delete(versions[start : start + MAX_N_KEYS_PER_DELETE])
        return len(uploads) + len(versions)

    def _list_uploads(self, prefix: str) -> list[dict[str, Any]]:
        with s3_errors():
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=prefix
            )
            return [upload for page in pages for upload in page.get("Uploads", [])]

    def _delete(self, versions: Sequence[ObjectVersion]) -> None:
        named = [{"Key": each.key, "VersionId": each.version_id or "null"} for each in versions]
        with s3_errors():
            answer = self._client.delete_objects(
                Bucket=self._bucket, Delete={"Objects": named, "Quiet": True}
            )
        # A call that succeeds may still have refused some of its keys.
        if answer.get("Errors"):
            raise UpstreamError("The data lake did not delete everything.")

    def _object_version(
        self, key: str, answer: dict[str, Any], size_bytes: int | None
    ) -> ObjectVersion:
        version_id = answer.get("VersionId")
        return ObjectVersion(
            bucket=self._bucket,
            key=key,
            # "null" is how S3 spells the version of an object stored before versioning.
            version_id=None if version_id == "null" else version_id,
            size_bytes=size_bytes,
        )


def _metadata(trace: TraceContext | None) -> dict[str, str]:
    return {TRACE_KEY: trace.traceparent} if trace else {}
