"""Plan a presigned multipart upload."""

from dataclasses import dataclass, field

from ulid import ULID

from workflow_manager.domain.data_lake import acquisition_key, check_file_name, dag_data_key
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ConflictError, InvalidInputError
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.upload import Upload, choose_part_size
from workflow_manager.ports import (
    DataLake,
    ExamClient,
    MessageQueue,
    Orchestrator,
    WorkflowStore,
)
from workflow_manager.settings import Settings
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.runs.check_dag import check_dag
from workflow_manager.steps.workflows.commit_execution import commit_execution
from workflow_manager.steps.workflows.load_execution import load_execution


@dataclass(frozen=True)
class UploadRequest:
    """What a client wants to upload.

    Parameters
    ----------
    file_name
        The client's own name of the file; only its extension is used.
    dag_id, task_id
        What the data is for: exactly one of the two is given.
    """

    file_name: str = field(repr=False)
    size_bytes: int
    content_type: str = "application/octet-stream"
    dag_id: str | None = None
    task_id: str | None = None


def create_upload(
    store: WorkflowStore,
    lake: DataLake,
    queue: MessageQueue,
    orchestrator: Orchestrator,
    exam: ExamClient,
    settings: Settings,
    request: UploadRequest,
    cause: Cause,
) -> Upload:
    """Begin an upload that the actor owns, after checking that its data has somewhere to go."""
    check_file_name(request.file_name)
    part_size_bytes = choose_part_size(request.size_bytes)
    upload_id = str(ULID.from_datetime(cause.at))
    key, attempt = _choose_key(
        store, queue, orchestrator, exam, settings, request, upload_id, cause
    )
    upload = Upload(
        upload_id=upload_id,
        owner=cause.actor,
        file_name=request.file_name,
        key=key,
        s3_upload_id=lake.create_multipart_upload(key, request.content_type, cause.trace),
        size_bytes=request.size_bytes,
        part_size_bytes=part_size_bytes,
        content_type=request.content_type,
        dag_id=request.dag_id,
        task_id=request.task_id,
        attempt=attempt,
        created_at=cause.at,
    )
    store.commit([upload])
    return upload


def _choose_key(
    store: WorkflowStore,
    queue: MessageQueue,
    orchestrator: Orchestrator,
    exam: ExamClient,
    settings: Settings,
    request: UploadRequest,
    upload_id: str,
    cause: Cause,
) -> tuple[str, int | None]:
    if request.dag_id is not None and request.task_id is None:
        check_dag(orchestrator, request.dag_id)
        return dag_data_key(request.dag_id, upload_id, request.file_name), None
    if request.task_id is not None and request.dag_id is None:
        task = _check_task(store, queue, exam, settings, request.task_id, cause)
        key = acquisition_key(task.workflow_id, task.task_id, upload_id, request.file_name)
        return key, task.attempt
    raise InvalidInputError("Name either a dag_id or a task_id.")


@retry_on_conflict
def _check_task(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    settings: Settings,
    task_id: str,
    cause: Cause,
) -> Task:
    workflow_id = exam.get_task(task_id).workflow_id
    if workflow_id is None:
        raise ConflictError("The task is a template: it takes no data.")
    execution = store.get_execution(workflow_id)
    if execution is None or task_id not in execution.graph.tasks:
        # The workflow was never processed, or the task was added to it later.
        execution = load_execution(store, exam, settings, workflow_id, cause)
    task = execution.graph.tasks.get(task_id)
    if task is None or not task.task_type.is_device_task:
        raise InvalidInputError("Only a device task takes raw data.")
    if task.status is TaskStatus.CANCELLED:
        raise ConflictError("The task was cancelled: retry it before you upload its data.")
    # A failed task takes data: its start was not confirmed, but the scan may have run.
    if task.status is TaskStatus.COMPLETED and task.data is not None:
        raise ConflictError("The task is completed: it takes no more data.")
    # We keep the task, so that its data finds it even if exam-manager is down when the data comes.
    commit_execution(store, queue, execution)
    return task
