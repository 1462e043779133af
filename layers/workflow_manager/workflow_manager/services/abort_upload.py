"""Give up an upload."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ConflictError
from workflow_manager.domain.upload import Upload, UploadState
from workflow_manager.ports import DataLake, ExamClient, WorkflowStore
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.uploads.find_upload import find_upload


@retry_on_conflict
def abort_upload(
    store: WorkflowStore, lake: DataLake, exam: ExamClient, upload_id: str, cause: Cause
) -> Upload:
    """Delete the parts that have arrived; an upload that is aborted already stays so.

    Raises
    ------
    NotFoundError
        There is no such upload, or not for this caller.
    ConflictError
        The upload is complete: its data is in the data lake and is worked on.
    """
    upload = find_upload(store, exam, upload_id, cause)
    if upload.state is UploadState.ABORTED:
        return upload
    if upload.state is UploadState.CREATED:
        lake.abort_multipart_upload(upload.key, upload.s3_upload_id)
    # Read it after the abort: somebody may have completed it in S3 at the same moment.
    if upload.state is UploadState.COMPLETED or lake.head(upload.key) is not None:
        raise ConflictError("The upload is complete: its data is in use.")
    aborted = upload.evolve(state=UploadState.ABORTED)
    store.commit([aborted])
    return aborted
