"""Make one object of the parts of an upload."""

from http import HTTPStatus

from workflow_manager.domain.dag_run import object_dag_run_id
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import (
    ConflictError,
    NotFoundError,
    UpstreamRefusedError,
    VersionConflictError,
)
from workflow_manager.domain.upload import Part, Upload, UploadState
from workflow_manager.ports import Ports

_NOT_HIS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


def complete_upload(ports: Ports, upload_id: str, parts: list[Part], cause: Cause) -> Upload:
    """Check the parts and complete the upload; S3's event does the rest.

    Parameters
    ----------
    ports
        The outside world.
    upload_id
        The upload.
    parts
        What the client sent, by number and ETag.
    cause
        Who and when.

    Returns
    -------
    Upload
        Completed; the same if it was completed before, or the answer got lost.

    Raises
    ------
    NotFoundError
        There is no such upload, or not for this caller.
    InvalidInputError
        A part is missing or not the one in S3; the upload stays open.
    """
    upload = ports.store.get_upload(upload_id)
    if upload is None or not _is_visible(ports, upload, cause):
        raise NotFoundError("There is no such upload.")
    if upload.state is UploadState.COMPLETED:
        return upload
    completed = upload.evolve(
        state=UploadState.COMPLETED, version_id=_join_parts(ports, upload, parts).version_id
    )
    try:
        ports.store.commit([completed])
    except VersionConflictError:
        # A second client completed it at the same time: S3 made one object of it.
        return ports.store.get_upload(upload_id) or completed
    return completed


def dag_run_of(ports: Ports, upload: Upload) -> str | None:
    """Return the id of the run that a completed upload causes; None for raw data of a task.

    Parameters
    ----------
    ports
        The outside world.
    upload
        A completed upload.
    """
    if upload.dag_id is None:
        return None
    data = ObjectVersion(bucket=ports.lake.bucket, key=upload.key, version_id=upload.version_id)
    return object_dag_run_id(data)


def _is_visible(ports: Ports, upload: Upload, cause: Cause) -> bool:
    if upload.owner == cause.actor:
        return True
    if upload.task_id is None:
        return False
    try:
        # Who may see the task, may see its data.
        ports.exam.get_task(upload.task_id)
    except UpstreamRefusedError as error:
        if error.status in _NOT_HIS:
            return False
        raise
    return True


def _join_parts(ports: Ports, upload: Upload, parts: list[Part]) -> ObjectVersion:
    present = ports.lake.list_parts(upload.key, upload.s3_upload_id)
    if present is not None:
        upload.check_parts(present, parts)
        data = ports.lake.complete_multipart_upload(upload.key, upload.s3_upload_id, present)
        if data is not None:
            return data
    # S3 knows the upload no more: either it is completed and the answer got lost, or aborted.
    found = ports.lake.head(upload.key)
    if found is None:
        raise ConflictError("The upload was aborted or has expired: begin a new one.")
    return found
