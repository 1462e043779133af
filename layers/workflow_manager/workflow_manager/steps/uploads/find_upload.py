"""Find an upload that the caller may see."""

from http import HTTPStatus

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import NotFoundError, UpstreamRefusedError
from workflow_manager.domain.upload import Upload, UploadState
from workflow_manager.ports import DataLake, ExamClient, WorkflowStore

_NOT_HIS = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


def find_upload(store: WorkflowStore, exam: ExamClient, upload_id: str, cause: Cause) -> Upload:
    """Return an upload to its owner, or to who may see the task that its data belongs to.

    Raises
    ------
    NotFoundError
        There is no such upload, or not for this caller.
    """
    upload = store.get_upload(upload_id)
    if upload is None or not _is_visible(exam, upload, cause):
        raise NotFoundError("There is no such upload.")
    return upload


def settle_upload(lake: DataLake, upload: Upload) -> Upload:
    """Return our upload, which S3 no longer has open, as completed, aborted or expired."""
    found = lake.head(upload.key)
    if found is None:
        return upload.evolve(state=UploadState.ABORTED)
    return upload.evolve(state=UploadState.COMPLETED, version_id=found.version_id)


def _is_visible(exam: ExamClient, upload: Upload, cause: Cause) -> bool:
    if upload.owner == cause.actor:
        return True
    if upload.task_id is None:
        return False
    try:
        # Those who may see the task may see its data.
        exam.get_task(upload.task_id)
    except UpstreamRefusedError as error:
        if error.status in _NOT_HIS:
            return False
        raise
    return True
