"""End a task whose time is over and that no run reports for: a scan, or what others started."""

from datetime import timedelta
from http import HTTPStatus

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import UpstreamError, UpstreamRefusedError
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.domain.task import DELETED_REASON, Task, TaskStatus
from workflow_manager.ports import Ports
from workflow_manager.services.commit_execution import commit_execution
from workflow_manager.services.retry_on_conflict import retry_on_conflict

ASK_AGAIN = timedelta(minutes=5)
UNFINISHED = "No data and no end was reported before the deadline."
NO_DATA = "The scan has ended, but its data did not arrive: upload it for this task."


@retry_on_conflict
def end_overdue_task(ports: Ports, workflow_id: str, task_id: str, cause: Cause) -> None:
    """Complete the task if exam-manager says that it has ended and nobody waits for its data.

    Parameters
    ----------
    ports
        The outside world, on behalf of the service account.
    workflow_id, task_id
        The task.
    cause
        Who and when.
    """
    execution = ports.store.get_execution(workflow_id)
    task = execution.tasks.get(task_id) if execution else None
    if execution is None or task is None or task.status is not TaskStatus.IN_PROGRESS:
        return
    if task.deadline is None or task.deadline > cause.at:
        # Started anew since the reconciler looked.
        return
    try:
        reported = ports.exam.get_task(task_id)
    except UpstreamRefusedError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            _ask_later(ports, task, cause)
            raise
        reported = None
    except UpstreamError:
        _ask_later(ports, task, cause)
        raise
    if reported is None:
        execution.fail(task_id, DELETED_REASON, cause, is_mirrored=False)
        commit_execution(ports, execution, cause)
        return
    if reported.status is not ItemStatus.FINISHED:
        execution.fail(task_id, UNFINISHED, cause)
    elif execution.has_followers(task) and task.task_type.is_device_task:
        # Not told to exam-manager: it would offer a scan again that has been done.
        execution.fail(task_id, NO_DATA, cause, is_mirrored=False)
    else:
        execution.complete(task_id, None, cause)
        execution.advance(ports.settings.policy, cause)
    commit_execution(ports, execution, cause)


def _ask_later(ports: Ports, task: Task, cause: Cause) -> None:
    ports.store.commit([task.evolve(deadline=cause.at + ASK_AGAIN)])
