"""Start a task again that has ended."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ConflictError, InvalidTransitionError
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.ports import (
    Clock,
    ExamClient,
    MessageQueue,
    ScanClient,
    WorkflowStore,
)
from workflow_manager.services.trigger_task import trigger_task
from workflow_manager.settings import Settings
from workflow_manager.steps.tasks.find_task import find_task


def retry_task(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    scan: ScanClient,
    clock: Clock,
    settings: Settings,
    workflow_id: str,
    task_id: str,
    token: str,
    cause: Cause,
) -> Task:
    """Start the next attempt at a task that has ended: a new run with a new id, or a new scan.

    DAG tasks that take its data wait again; their runs that work on the old data are cancelled.

    Parameters
    ----------
    token
        The caller's token, which the device gets and reports with.

    Raises
    ------
    NotFoundError
        There is no such task, or its workflow was never processed.
    ConflictError
        The task is in progress, or was never started.
    """
    task = find_task(store, workflow_id, task_id)[1]
    task.require_known()
    if task.status is TaskStatus.PENDING:
        raise ConflictError(
            "The task waits for its first start, or for another task: there is nothing to retry."
        )
    if not task.status.has_ended:
        raise InvalidTransitionError("The task is in progress: cancel it first.")
    return trigger_task(
        store, queue, exam, scan, clock, settings, task_id, token, cause, known=task
    )
