"""Complete a device task with the raw data that arrived for it."""

from datetime import datetime, timedelta

from workflow_manager.domain.dag_run import object_dag_run_id
from workflow_manager.domain.data_lake import AcquisitionData, ObjectVersion
from workflow_manager.domain.entity import Cause, Event, first_event_id
from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    NeighbourRefusedError,
    NotFoundError,
    VersionConflictError,
)
from workflow_manager.domain.execution import LATE_DATA, Execution
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.ports import ExamClient, MessageQueue, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.tasks.reset_task import reset_behind
from workflow_manager.steps.uploads.count_upload import count_upload
from workflow_manager.steps.uploads.reject_object import reject_object
from workflow_manager.steps.workflows.commit_definition import commit_definition
from workflow_manager.steps.workflows.commit_execution import commit_execution
from workflow_manager.steps.workflows.load_execution import load_execution

KEPT = "It causes nothing, and stays where it is: upload it for another task if it is wanted."
# Between S3's clock and ours.
CLOCK_SKEW = timedelta(minutes=5)


@retry_on_conflict
def receive_acquisition(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    settings: Settings,
    target: AcquisitionData,
    data: ObjectVersion,
    cause: Cause,
    created_at: datetime | None = None,
) -> None:
    """Complete the task and claim the tasks that take its data, anew after a rescan.

    That is one commit, unless there are very many tasks behind it.

    Parameters
    ----------
    target
        The device task that the key names.
    data
        Its raw data.
    created_at
        When it came into the data lake, as S3 tells; None if it does not.

    Raises
    ------
    NotFoundError
        There is certainly no such device task in a workflow that may be carried out.
    UpstreamError
        Exam-manager did not say: try again.
    """
    workflow_id, task_id = target.workflow_id, target.task_id
    execution = store.get_execution(workflow_id)
    is_partial = execution is not None and execution.graph.workflow.is_partial
    if execution is None or task_id not in execution.graph.tasks or is_partial:
        # Never processed, or the task was added later.
        execution = _load(store, exam, settings, workflow_id, cause)
    task = execution.graph.tasks.get(task_id)
    if task is None or not task.task_type.is_device_task:
        raise NotFoundError("The workflow has no such device task.")
    execution = commit_definition(store, queue, execution)
    data_id = object_dag_run_id(data)
    if line := _find_line(store, execution, data_id, created_at):
        # The same event again says nothing new, even if a rescan waits for data by now.
        _reject_late_data(store, data, line, cause)
        return
    has_its_data = task.status is TaskStatus.COMPLETED and task.data is not None
    is_closed = has_its_data or task.status in (TaskStatus.CANCELLED, TaskStatus.UNKNOWN)
    if is_closed or not _is_of_this_attempt(store, target, task):
        line = execution.record_late_data(task_id, data_id, cause)
    else:
        # Only now: until here, what the scan before has led to is there to be seen.
        execution = reset_behind(store, queue, execution, task_id, cause)
        execution.complete(task_id, data, cause, f"Data {data_id} arrived.")
        execution.end_remake()
        execution.advance(settings.policy, cause)
    commit_execution(store, queue, execution)
    if line:
        _reject_late_data(store, data, line, cause)
    count_upload(data)


def _reject_late_data(store: WorkflowStore, data: ObjectVersion, line: Event, cause: Cause) -> None:
    # Behind the line of the trail, by which a message that comes again makes up for it.
    if line.name == LATE_DATA:
        reject_object(store, data, f"{line.reason} {KEPT}", cause)


def _load(
    store: WorkflowStore, exam: ExamClient, settings: Settings, workflow_id: str, cause: Cause
) -> Execution:
    try:
        return load_execution(store, exam, settings, workflow_id, cause)
    except NeighbourRefusedError as error:
        # A proxy that answers for it, or a login that is refused, is no word of exam-manager.
        if not error.is_own:
            raise
        raise NotFoundError("Exam-manager knows no such workflow.") from error
    except VersionConflictError:
        raise
    except (ConflictError, InvalidInputError) as error:
        raise NotFoundError(error.detail) from error


def _find_line(
    store: WorkflowStore, execution: Execution, data_id: str, created_at: datetime | None
) -> Event | None:
    # What was written before the object came does not speak of it, and there may be very much of
    # it.
    after = first_event_id(created_at - CLOCK_SKEW) if created_at else None
    trail = store.list_events(execution.graph.workflow.subject, after)
    return next((event for event in trail if data_id in (event.reason or "")), None)


def _is_of_this_attempt(store: WorkflowStore, target: AcquisitionData, task: Task) -> bool:
    if task.status is not TaskStatus.IN_PROGRESS:
        return True
    upload = store.get_upload(target.upload_id) if target.upload_id else None
    return upload is None or upload.attempt == task.attempt
