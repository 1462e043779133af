"""The `DataLake` in memory, versioned as the bucket is."""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from workflow_manager.domain.data_lake import ObjectStart, ObjectVersion, check_prefix
from workflow_manager.domain.download import format_disposition
from workflow_manager.domain.errors import ConflictError
from workflow_manager.domain.trace import TraceContext
from workflow_manager.domain.upload import MIN_PART_SIZE_BYTES, Part


@dataclass
class _OpenUpload:
    key: str
    trace: TraceContext | None = None
    bodies: dict[int, bytes] = field(default_factory=dict)


class MemoryDataLake:
    """The bucket in dictionaries.

    Parameters
    ----------
    bucket
        Its name.
    """

    def __init__(self, bucket: str = "data-lake") -> None:
        self._bucket = bucket
        self._versions: dict[str, list[bytes]] = {}
        self._traces: dict[str, list[TraceContext | None]] = {}
        self._uploads: dict[str, _OpenUpload] = {}
        self._n_uploads = 0

    @property
    def bucket(self) -> str:
        """Its name."""
        return self._bucket

    @property
    def keys(self) -> list[str]:
        """All keys."""
        return sorted(self._versions)

    def get(self, key: str) -> bytes:
        """Return the newest content of an object."""
        return self._versions[key][-1]

    def put(
        self, key: str, body: bytes, content_type: str, trace: TraceContext | None = None
    ) -> ObjectVersion:
        """Store a small object; the trace is its only metadata."""
        self._versions.setdefault(key, []).append(body)
        self._traces.setdefault(key, []).append(trace)
        return self._newest(key)

    def create_multipart_upload(
        self, key: str, content_type: str, trace: TraceContext | None = None
    ) -> str:
        """Begin a multipart upload and return its id; the object keeps the trace."""
        self._n_uploads += 1
        s3_upload_id = f"multipart-{self._n_uploads}"
        self._uploads[s3_upload_id] = _OpenUpload(key, trace)
        return s3_upload_id

    def presign_part(self, key: str, s3_upload_id: str, part_number: int) -> str:
        """Return a URL that `put_part` understands."""
        query = f"uploadId={s3_upload_id}&partNumber={part_number}"
        return f"https://{self._bucket}.s3.invalid/{quote(key)}?{query}"

    def put_part(self, url: str, body: bytes) -> str:
        """Do what a client's PUT to a presigned URL does, and return the part's ETag."""
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        upload = self._uploads[query["uploadId"][0]]
        if unquote(parts.path.removeprefix("/")) != upload.key:
            raise KeyError(parts.path)
        upload.bodies[int(query["partNumber"][0])] = body
        return _etag(body)

    def list_parts(self, key: str, s3_upload_id: str) -> list[Part] | None:
        """Return the parts present, or None if the upload is not open (any more)."""
        upload = self._find(key, s3_upload_id)
        if upload is None:
            return None
        return [
            Part(
                part_number=number,
                etag=_etag(body),
                size_bytes=len(body),
                crc64nvme=_crc64nvme(body),
            )
            for number, body in sorted(upload.bodies.items())
        ]

    def complete_multipart_upload(
        self,
        key: str,
        s3_upload_id: str,
        parts: Sequence[Part],
        size_bytes: int,
        crc64nvme: str | None = None,
    ) -> ObjectVersion | None:
        """Make one object of the parts; None if the upload is not open (any more).

        Raises
        ------
        ConflictError
            A part is not there, has another content, is too small, or the whole has another
            size or checksum.
        """
        upload = self._find(key, s3_upload_id)
        if upload is None:
            return None
        wanted = sorted(parts, key=lambda part: part.part_number)
        bodies = [upload.bodies.get(part.part_number) for part in wanted]
        present = [body for body in bodies if body is not None]
        etags = [part.etag.strip('"') for part in wanted]
        is_known = etags == [_etag(body).strip('"') for body in present]
        if not is_known or any(len(body) < MIN_PART_SIZE_BYTES for body in present[:-1]):
            raise ConflictError("S3 does not take these parts: list them again.")
        if size_bytes != sum(map(len, present)):
            raise ConflictError("S3 does not take these parts: list them again.")
        if crc64nvme not in (None, _crc64nvme(b"".join(present))):
            raise ConflictError("The file in S3 has another CRC-64/NVME than yours.")
        del self._uploads[s3_upload_id]
        return self.put(key, b"".join(present), "", upload.trace)

    def abort_multipart_upload(self, key: str, s3_upload_id: str) -> None:
        """Delete the parts of an upload; one that is not open (any more) is left alone."""
        if self._find(key, s3_upload_id) is not None:
            del self._uploads[s3_upload_id]

    def head(self, key: str) -> ObjectVersion | None:
        """Return the newest version of an object, or None."""
        return self._newest(key) if key in self._versions else None

    def read_start(self, data: ObjectVersion, n_bytes: int) -> ObjectStart | None:
        """Return the beginning of just this version, at most so many bytes; None if it is gone."""
        bodies = self._versions.get(data.key, [])
        starts = [
            ObjectStart(body[:n_bytes], trace)
            for body, trace in zip(bodies, self._traces.get(data.key, []), strict=True)
        ]
        held = {self._version(data.key, n).version_id: start for n, start in enumerate(starts, 1)}
        newest = starts[-1] if starts else None
        return held.get(data.version_id) if data.version_id else newest

    def list_objects(self, prefix: str, limit: int, after: str = "") -> list[ObjectVersion]:
        """Return the newest versions below a prefix, by key."""
        found = [key for key in self.keys if key.startswith(prefix) and key > after]
        found = found[: min(limit, 1000)]
        return [self._newest(key).model_copy(update={"version_id": None}) for key in found]

    def presign_download(self, key: str, file_name: str, shown_as: str | None = None) -> str:
        """Return a URL that `download` understands."""
        query = {"disposition": format_disposition(file_name, shown_as), "type": shown_as or ""}
        return f"https://{self._bucket}.s3.invalid/{quote(key)}?{urlencode(query)}"

    def download(self, url: str) -> tuple[bytes, str, str]:
        """Do what a client's GET of a presigned URL does: body, disposition, content type."""
        parts = urlsplit(url)
        query = parse_qs(parts.query, keep_blank_values=True)
        body = self.get(unquote(parts.path.removeprefix("/")))
        return body, query["disposition"][0], query["type"][0]

    def list_versions(self, prefix: str) -> list[ObjectVersion]:
        """Return every version of every object under a prefix."""
        return [
            self._version(key, number)
            for key in self.keys
            if key.startswith(prefix)
            for number in range(1, len(self._versions[key]) + 1)
        ]

    def list_open_uploads(self, prefix: str) -> list[str]:
        """Return the key of every unfinished multipart upload under a prefix."""
        return [each.key for each in self._uploads.values() if each.key.startswith(prefix)]

    def delete_prefix(self, prefix: str) -> int:
        """Delete what both lists name, for good; return how much that was.

        Raises
        ------
        ValueError
            The prefix does not end in a slash.
        """
        check_prefix(prefix)
        n_deleted = len(self.list_versions(prefix)) + len(self.list_open_uploads(prefix))
        for key in self.keys:
            if key.startswith(prefix):
                del self._versions[key], self._traces[key]
        for s3_upload_id, upload in list(self._uploads.items()):
            if upload.key.startswith(prefix):
                del self._uploads[s3_upload_id]
        return n_deleted

    def _find(self, key: str, s3_upload_id: str) -> _OpenUpload | None:
        upload = self._uploads.get(s3_upload_id)
        return upload if upload is not None and upload.key == key else None

    def _newest(self, key: str) -> ObjectVersion:
        return self._version(key, len(self._versions[key]))

    def _version(self, key: str, number: int) -> ObjectVersion:
        return ObjectVersion(
            bucket=self._bucket,
            key=key,
            version_id=f"v{number}",
            size_bytes=len(self._versions[key][number - 1]),
        )


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def _crc64nvme(body: bytes) -> str:
    # Only tests run this: AWS's library is no part of the layer.
    from awscrt.checksums import crc64nvme

    return b64encode(crc64nvme(body).to_bytes(8)).decode()
