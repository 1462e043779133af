"""Record that a task failed."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.task import TaskStatus
from workflow_manager.ports import Ports
from workflow_manager.services.commit_execution import commit_execution
from workflow_manager.services.retry_on_conflict import retry_on_conflict


@retry_on_conflict
def fail_task(ports: Ports, workflow_id: str, task_id: str, reason: str, cause: Cause) -> None:
    """Fail a task if it is still in progress: what completed meanwhile stays completed.

    Parameters
    ----------
    ports
        The outside world.
    workflow_id, task_id
        The task.
    reason
        One sentence for the operator, free of patient data.
    cause
        Who and when.
    """
    execution = ports.store.get_execution(workflow_id)
    if execution is None or execution.tasks[task_id].status is not TaskStatus.IN_PROGRESS:
        return
    execution.fail(task_id, reason, cause)
    commit_execution(ports, execution, cause)
