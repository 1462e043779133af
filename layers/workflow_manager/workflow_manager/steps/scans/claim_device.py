"""Take hold of a device for one scan."""

from workflow_manager.domain.device import DeviceLock
from workflow_manager.domain.errors import ConflictError, UpstreamError, VersionConflictError
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.domain.task import Task
from workflow_manager.ports import ExamClient, WorkflowStore


def claim_device(store: WorkflowStore, exam: ExamClient, task: Task) -> DeviceLock | None:
    """Return the lock of a task's device in the task's hands, to be committed with its claim.

    Parameters
    ----------
    task
        The device task as claimed; one that names no device fails later, with that reason.

    Raises
    ------
    VersionConflictError
        Another call has claimed this very attempt.
    ConflictError
        Another scan is in progress on the device.
    """
    device_id = task.args.get("device_id")
    if not device_id:
        return None
    lock = store.get_device_lock(device_id)
    if lock.task_id == task.task_id and lock.attempt >= task.attempt:
        raise VersionConflictError("Another call claimed the task since it was read.")
    execution = store.get_execution(lock.workflow_id) if lock.workflow_id else None
    holder = execution.tasks.get(lock.task_id or "") if execution else None
    if holder and lock.is_held_by(holder) and not _has_ended(exam, holder):
        raise ConflictError("The device is scanning for another task.")
    return lock.take(task)


def _has_ended(exam: ExamClient, holder: Task) -> bool:
    # Device-manager tells exam-manager of the end of a scan; its data may be hours behind.
    if holder.is_mirror_due:
        # It may be the end of an earlier attempt.
        return False
    try:
        return exam.get_task(holder.task_id).status is ItemStatus.FINISHED
    except UpstreamError:
        return False
