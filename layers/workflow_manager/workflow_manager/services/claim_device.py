"""Take hold of a device for one scan."""

from workflow_manager.domain.device import DeviceLock
from workflow_manager.domain.errors import ConflictError
from workflow_manager.domain.task import Task
from workflow_manager.ports import Ports


def claim_device(ports: Ports, task: Task) -> DeviceLock | None:
    """Return the lock of a task's device in the task's hands, to be committed with its claim.

    Parameters
    ----------
    ports
        The outside world.
    task
        The device task as claimed; one that names no device fails later, with that reason.

    Raises
    ------
    ConflictError
        Another scan is in progress on the device.
    """
    device_id = task.args.get("device_id")
    if not device_id:
        return None
    lock = ports.store.get_device_lock(device_id)
    execution = ports.store.get_execution(lock.workflow_id) if lock.workflow_id else None
    holder = execution.tasks.get(lock.task_id or "") if execution else None
    if lock.is_held_by(holder):
        raise ConflictError("The device is scanning for another task.")
    return lock.take(task)
