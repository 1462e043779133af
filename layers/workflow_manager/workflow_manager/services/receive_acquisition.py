"""Complete a device task with the raw data that arrived for it."""

from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import NotFoundError
from workflow_manager.domain.task import TaskStatus
from workflow_manager.ports import Ports
from workflow_manager.services.commit_execution import commit_execution
from workflow_manager.services.load_execution import load_execution
from workflow_manager.services.retry_on_conflict import retry_on_conflict


@retry_on_conflict
def receive_acquisition(
    ports: Ports, workflow_id: str, task_id: str, data: ObjectVersion, cause: Cause
) -> None:
    """Complete the task and claim the tasks that take its data, in one commit.

    Parameters
    ----------
    ports
        The outside world, on behalf of the service account.
    workflow_id, task_id
        The device task that the key names.
    data
        Its raw data.
    cause
        Who and when.

    Raises
    ------
    NotFoundError
        The workflow has no such device task; the message ends in the dead-letter queue, the
        object stays.
    """
    execution = ports.store.get_execution(workflow_id) or load_execution(ports, workflow_id, cause)
    task = execution.tasks.get(task_id)
    if task is None or not task.task_type.is_device_task:
        raise NotFoundError("The workflow has no such device task.")
    if task.data == data:
        return
    if task.status in (TaskStatus.PENDING, TaskStatus.IN_PROGRESS):
        execution.complete(task_id, data, cause)
        execution.advance(ports.settings.dag_policy, cause)
    else:
        execution.record_late_data(task_id, data, cause)
    commit_execution(ports, execution, cause)
