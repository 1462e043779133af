"""Record that a task failed."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.workflows.commit_execution import commit_execution


@retry_on_conflict
def fail_task(
    store: WorkflowStore,
    queue: MessageQueue,
    claimed: Task,
    reason: str,
    cause: Cause,
    *,
    may_scan: bool = False,
) -> bool:
    """Fail an attempt at a task if it is still in progress; what completed stays completed.

    Parameters
    ----------
    reason
        One sentence for the operator, free of patient data.
    may_scan
        Whether a device may be carrying it out all the same.

    Returns
    -------
    bool
        Whether the attempt has failed by this.
    """
    execution = store.get_execution(claimed.workflow_id)
    task = execution.graph.tasks.get(claimed.task_id) if execution else None
    if execution is None or task is None or task.attempt != claimed.attempt:
        return False
    is_in_progress = task.status is TaskStatus.IN_PROGRESS
    if is_in_progress:
        execution.fail(task.task_id, reason, cause, may_scan=may_scan)
    else:
        # Exam-manager was told of the start after it was told of the end.
        execution.tell_again(task.task_id, cause)
    commit_execution(store, queue, execution)
    return is_in_progress
