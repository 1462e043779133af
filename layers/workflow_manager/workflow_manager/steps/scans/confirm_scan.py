"""Note that a device has started."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.workflows.commit_execution import commit_execution


def confirm_scan(
    store: WorkflowStore,
    queue: MessageQueue,
    claimed: Task,
    cause: Cause,
    committed: Execution | None = None,
) -> TaskStatus | None:
    """Give a started attempt its full time; return its status, or None if a later one replaced it.

    Parameters
    ----------
    committed
        The workflow as the caller has just committed it; None reads it.
    """
    return _confirm(store, queue, [committed] if committed else [], claimed, cause)


@retry_on_conflict
def _confirm(
    store: WorkflowStore, queue: MessageQueue, known: list[Execution], claimed: Task, cause: Cause
) -> TaskStatus | None:
    # The caller's copy is good for one try: if anybody wrote since, the commit fails.
    execution = known.pop() if known else store.get_execution(claimed.workflow_id)
    task = execution.graph.tasks.get(claimed.task_id) if execution else None
    if execution is None or task is None or task.attempt != claimed.attempt:
        return None
    if task.status is not TaskStatus.IN_PROGRESS:
        # Exam-manager heard of the start after the end: tell it the end again.
        execution.tell_again(task.task_id, cause)
    elif task.start_lease_until is not None:
        execution.confirm_scan(task.task_id, cause)
    commit_execution(store, queue, execution)
    return task.status
