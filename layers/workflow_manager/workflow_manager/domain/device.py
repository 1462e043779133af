"""A device, as the thing of which one scan at a time takes hold."""

from workflow_manager.domain.entity import Entity
from workflow_manager.domain.task import Task, TaskStatus


class DeviceLock(Entity):
    """Which attempt at which task has a device; free again when that attempt has ended.

    The version makes two claims of one device meet, whatever workflows they belong to; nobody has
    to release anything.
    """

    device_id: str
    workflow_id: str | None = None
    task_id: str | None = None
    attempt: int = 0

    def take(self, task: Task) -> "DeviceLock":
        """Return the lock in the hands of a claimed task.

        Parameters
        ----------
        task
            The task, its attempt counted.
        """
        return self.evolve(workflow_id=task.workflow_id, task_id=task.task_id, attempt=task.attempt)

    def is_held_by(self, task: Task | None) -> bool:
        """Tell whether `task` is the holder and still in progress, for all that we know.

        Parameters
        ----------
        task
            The holder as it stands now; None if it is gone.
        """
        if task is None or task.task_id != self.task_id:
            return False
        is_in_progress = task.status is TaskStatus.IN_PROGRESS
        return task.status is TaskStatus.UNKNOWN or (
            is_in_progress and task.attempt == self.attempt
        )
