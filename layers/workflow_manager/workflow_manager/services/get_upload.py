"""Show which parts of an upload have arrived, and sign URLs for the missing ones."""

from dataclasses import dataclass, field

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.upload import Part, Upload, UploadState
from workflow_manager.ports import DataLake, ExamClient, WorkflowStore
from workflow_manager.steps.uploads.find_upload import find_upload, settle_upload

DEFAULT_N_URLS = 100


@dataclass(frozen=True)
class PartWindow:
    """The missing parts that a client wants to send next: at most `limit`, from `from_part` on."""

    from_part: int = 1
    limit: int = DEFAULT_N_URLS


@dataclass(frozen=True)
class PresignedPart:
    """The URL to PUT one part to."""

    part_number: int
    size_bytes: int
    url: str = field(repr=False)


@dataclass(frozen=True)
class UploadProgress:
    """How far an upload has come.

    Parameters
    ----------
    upload
        As it stands in S3, even if our item does not say so yet.
    """

    upload: Upload
    present: list[Part] = field(default_factory=list)
    missing: list[PresignedPart] = field(default_factory=list)


def get_upload(
    store: WorkflowStore,
    lake: DataLake,
    exam: ExamClient,
    upload_id: str,
    window: PartWindow,
    cause: Cause,
) -> UploadProgress:
    """Return how far an upload has come, with fresh URLs for the parts to send next.

    Raises
    ------
    NotFoundError
        There is no such upload, or not for this caller.
    """
    upload = find_upload(store, exam, upload_id, cause)
    if upload.state is not UploadState.CREATED:
        return UploadProgress(upload)
    present = lake.list_parts(upload.key, upload.s3_upload_id)
    if present is None:
        return UploadProgress(settle_upload(lake, upload))
    return sign_missing(lake, upload, present, window)


def sign_missing(
    lake: DataLake, upload: Upload, present: list[Part], window: PartWindow
) -> UploadProgress:
    """Return how far an open upload has come, by the parts that are present, with those URLs."""
    arrived = {p.part_number for p in present if p.size_bytes == upload.part_size(p.part_number)}
    missing = [n for n in range(window.from_part, upload.n_parts + 1) if n not in arrived]
    urls = [_presign(lake, upload, number) for number in missing[: window.limit]]
    return UploadProgress(upload, present, urls)


def _presign(lake: DataLake, upload: Upload, part_number: int) -> PresignedPart:
    url = lake.presign_part(upload.key, upload.s3_upload_id, part_number)
    return PresignedPart(part_number, upload.part_size(part_number), url)
