"""Make one object of the parts of an upload."""

from dataclasses import dataclass

from workflow_manager.domain.dag_run import object_dag_run_id
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ConflictError, VersionConflictError
from workflow_manager.domain.upload import Part, Upload, UploadState
from workflow_manager.ports import DataLake, ExamClient, WorkflowStore
from workflow_manager.steps.uploads.find_upload import find_upload, settle_upload


@dataclass(frozen=True)
class SentFile:
    """The parts of a file as the client says that it sent them.

    Parameters
    ----------
    crc64nvme
        CRC-64/NVME of the whole file (base64); None leaves the comparison to the parts.
    """

    parts: list[Part]
    crc64nvme: str | None = None


def complete_upload(
    store: WorkflowStore,
    lake: DataLake,
    exam: ExamClient,
    upload_id: str,
    sent: SentFile,
    cause: Cause,
) -> Upload:
    """Complete an upload, also again, once its parts are checked; S3's event does the rest.

    Raises
    ------
    NotFoundError
        There is no such upload, or not for this caller.
    InvalidInputError
        The list of parts does not fit this upload.
    ConflictError
        A part is missing or differs from the one in S3, or the whole differs, and the upload stays
        open; or the upload was aborted.
    """
    upload = find_upload(store, exam, upload_id, cause)
    upload.require_not_aborted()
    if upload.state is UploadState.COMPLETED:
        return upload
    completed = _join_parts(lake, upload, sent)
    try:
        store.commit([completed])
    except VersionConflictError:
        # A second client completed it at the same time: S3 made one object of it.
        return store.get_upload(upload_id) or completed
    return completed


def dag_run_of(lake: DataLake, upload: Upload) -> str | None:
    """Return the id of the run that a completed upload causes; None if it is raw data of a task."""
    if upload.dag_id is None:
        return None
    data = ObjectVersion(bucket=lake.bucket, key=upload.key, version_id=upload.version_id)
    return object_dag_run_id(data)


def _join_parts(lake: DataLake, upload: Upload, sent: SentFile) -> Upload:
    data = _join_at_once(lake, upload, sent) or _join_compared(lake, upload, sent)
    if data is not None:
        return upload.evolve(state=UploadState.COMPLETED, version_id=data.version_id)
    settled = settle_upload(lake, upload)
    settled.require_not_aborted()
    return settled


def _join_at_once(lake: DataLake, upload: Upload, sent: SentFile) -> ObjectVersion | None:
    # S3 compares ETags, size and CRC of the whole itself. Where it has no such CRC, or refuses, the
    # parts are listed: that also tells which one does not fit.
    if sent.crc64nvme is None or not upload.is_named_by(sent.parts):
        return None
    try:
        return _complete(lake, upload, sent)
    except ConflictError:
        return None


def _join_compared(lake: DataLake, upload: Upload, sent: SentFile) -> ObjectVersion | None:
    present = lake.list_parts(upload.key, upload.s3_upload_id)
    if present is None:
        return None
    upload.check_parts(present, sent.parts)
    return _complete(lake, upload, sent)


def _complete(lake: DataLake, upload: Upload, sent: SentFile) -> ObjectVersion | None:
    return lake.complete_multipart_upload(
        upload.key, upload.s3_upload_id, sent.parts, upload.size_bytes, sent.crc64nvme
    )
