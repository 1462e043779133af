"""A device, as the thing of which one scan at a time takes hold."""

from datetime import datetime

from pydantic import AwareDatetime

from workflow_manager.domain.entity import Entity
from workflow_manager.domain.task import Task, TaskStatus


class DeviceLock(Entity):
    """Which attempt at which task has a device; free again when that attempt has ended.

    An attempt whose start was not confirmed has it for longer. The version makes two claims of one
    device meet, whatever workflows they belong to; nobody has to release anything.
    """

    device_id: str
    workflow_id: str | None = None
    task_id: str | None = None
    attempt: int = 0
    taken_at: AwareDatetime | None = None

    def take(self, task: Task) -> "DeviceLock":
        """Return the lock in the hands of a claimed task.

        Parameters
        ----------
        task
            The task, its attempt counted.
        """
        return self.evolve(
            workflow_id=task.workflow_id,
            task_id=task.task_id,
            attempt=task.attempt,
            taken_at=task.updated_at,
        )

    def is_held_by(self, task: Task, at: datetime) -> bool:
        """Tell whether `task` is the holder and, for all that we know, scans or may be scanning.

        Parameters
        ----------
        task
            The holder as it stands now.
        at
            Now.
        """
        if task.task_id != self.task_id:
            return False
        if task.status is TaskStatus.UNKNOWN:
            return True
        may_scan = task.may_scan_until is not None and at < task.may_scan_until
        return task.attempt == self.attempt and (task.status is TaskStatus.IN_PROGRESS or may_scan)
