"""Start a task again that has ended."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ConflictError, InvalidTransitionError
from workflow_manager.domain.execution import Execution
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
from workflow_manager.steps.tasks.find_repeated import is_repeated
from workflow_manager.steps.tasks.find_task import find_task
from workflow_manager.steps.tasks.tell_refusal import tell_refusal


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
    expected_attempt: int | None = None,
) -> Task:
    """Start the next attempt at a task that has ended: a new run with a new id, or a new scan.

    DAG tasks that take its data are made anew, those behind a scan once its new data is there. A
    call that is repeated returns the attempt that it has started before.

    Parameters
    ----------
    token
        The caller's token, which the device gets and reports with.
    expected_attempt
        The attempt that is to be repeated; None: whichever was the last.

    Raises
    ------
    NotFoundError
        There is no such task, or its workflow was never processed.
    ConflictError
        The task is in progress, or was never started.
    """
    execution, task = find_task(store, workflow_id, task_id)
    with tell_refusal(store, exam, workflow_id, task_id):
        if _is_known(store, execution, task, expected_attempt, cause):
            return task
    return trigger_task(
        store, queue, exam, scan, clock, settings, task_id, token, cause, expected_attempt, task
    )


def _is_known(
    store: WorkflowStore,
    execution: Execution,
    task: Task,
    expected_attempt: int | None,
    cause: Cause,
) -> bool:
    """Tell whether the wanted attempt is in progress already; raise if there is none to begin."""
    task.require_known()
    # No retry has begun a first attempt.
    if task.attempt != 1 and is_repeated(store, execution.graph, task, cause, expected_attempt):
        return True
    if task.status is TaskStatus.PENDING:
        raise ConflictError(
            "The task waits for its first start, or for another task: there is nothing to retry."
        )
    if not task.status.has_ended:
        raise InvalidTransitionError("The task is in progress: cancel it first.")
    return False
