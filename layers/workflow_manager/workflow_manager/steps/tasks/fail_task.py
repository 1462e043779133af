"""Record that a task failed."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.workflows.commit_execution import commit_execution


@retry_on_conflict
def fail_task(
    store: WorkflowStore, queue: MessageQueue, claimed: Task, reason: str, cause: Cause
) -> bool:
    """Fail an attempt if it is still in progress; return whether this call has failed it.

    Parameters
    ----------
    reason
        One sentence for the operator, free of patient data.
    """
    execution = store.get_execution(claimed.workflow_id)
    task = execution.tasks.get(claimed.task_id) if execution else None
    if execution is None or task is None or task.attempt != claimed.attempt:
        return False
    is_in_progress = task.status is TaskStatus.IN_PROGRESS
    if is_in_progress:
        execution.fail(task.task_id, reason, cause)
    else:
        # Exam-manager heard of the start after the end: tell it the end again.
        execution.tell_again(task.task_id, cause)
    commit_execution(store, queue, execution)
    return is_in_progress
