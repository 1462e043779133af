"""Take hold of a device for one scan."""

from dataclasses import dataclass

from workflow_manager.beside import Beside
from workflow_manager.domain.device import DeviceLock
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ConflictError, UpstreamError, VersionConflictError
from workflow_manager.domain.exam import ExamTask, ItemStatus
from workflow_manager.domain.task import Task
from workflow_manager.ports import ExamClient, WorkflowStore


@dataclass(frozen=True)
class DeviceHold:
    """Who has a device.

    Parameters
    ----------
    lock
        The device's.
    holder
        The task that has it, if it is another one than asks.
    """

    lock: DeviceLock
    holder: Task | None


def find_hold(store: WorkflowStore, device_id: str, task_id: str) -> DeviceHold:
    """Return who has a device, for the task that wants it.

    It stays good until the device is claimed with this lock: a holder without a later claim of the
    device only ever lets go of it.
    """
    lock = store.get_device_lock(device_id)
    # Whoever starts a task again whose start was not confirmed has looked at the scanner.
    is_other = lock.task_id is not None and lock.task_id != task_id
    # Behind the lock: a holder read before it could be at the attempt before.
    holder = store.get_task(lock.workflow_id or "", lock.task_id or "") if is_other else None
    return DeviceHold(lock, holder)


def claim_device(
    store: WorkflowStore,
    exam: ExamClient,
    task: Task,
    cause: Cause,
    hold: Beside[DeviceHold] | None = None,
) -> DeviceLock | None:
    """Return the lock of a task's device in the task's hands, to be committed with its claim.

    Parameters
    ----------
    task
        The device task as claimed; one that names no device fails later, with that reason.
    hold
        The answer of `find_hold` for this task; None finds it.

    Raises
    ------
    VersionConflictError
        Another call has claimed this very attempt.
    ConflictError
        Another scan is in progress on the device, or may be.
    """
    device_id = task.args.get("device_id")
    if not device_id:
        return None
    found = hold.wait() if hold else None
    if found is None or found.lock.device_id != device_id:
        found = find_hold(store, device_id, task.task_id)
    lock, holder = found.lock, found.holder
    if lock.task_id == task.task_id and lock.attempt >= task.attempt:
        raise VersionConflictError("Another call claimed the task since it was read.")
    if holder and lock.is_held_by(holder, cause.at):
        shown = _ask_exam_manager(exam, holder)
        # Device-manager tells exam-manager of the end of a scan; its data may be hours behind.
        # Before exam-manager is told, it may be the end of an earlier attempt.
        has_ended = shown is not None and _has_ended(holder, shown)
        if not has_ended or holder.may_show_earlier:
            raise _refuse(holder, is_shown=shown is not None)
    return lock.take(task)


def _has_ended(holder: Task, shown: ExamTask) -> bool:
    if shown.status is ItemStatus.FINISHED:
        return True
    # An edit takes the end back, and a device that sends its file cannot tell it.
    is_hidden = shown.status is ItemStatus.UPDATED or shown.has_fresh_data
    return holder.waits_for_data and is_hidden


def _refuse(holder: Task, *, is_shown: bool) -> ConflictError:
    # Who may see the other task in exam-manager may know which it is.
    which = f"task {holder.task_id} of workflow {holder.workflow_id}" if is_shown else ""
    if holder.may_scan_until is None:
        named = f": {which}" if which else ""
        return ConflictError(f"The device is scanning for another task{named}.")
    until = holder.may_scan_until.isoformat(timespec="seconds")
    again = f"POST /trigger_task/{holder.task_id}/ starts it again, " if which else ""
    return ConflictError(
        f"The device may be scanning for {which or 'another task'}, of whose scan nobody knows "
        "whether it goes on. It is free once exam-manager shows the end of that scan, its data "
        f"arrives, {again}or at {until}."
    )


def _ask_exam_manager(exam: ExamClient, holder: Task) -> ExamTask | None:
    try:
        return exam.get_task(holder.task_id)
    except UpstreamError:
        return None
