"""Start one task on an operator's call."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ConflictError, InvalidTransitionError
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.ports import Ports
from workflow_manager.services.handle_device_task import handle_device_task, load_limits
from workflow_manager.services.handle_processing_task import handle_processing_task
from workflow_manager.services.load_execution import load_execution
from workflow_manager.services.retry_on_conflict import retry_on_conflict
from workflow_manager.services.start_scan import ScanOrder


@retry_on_conflict
def trigger_task(ports: Ports, task_id: str, token: str, cause: Cause) -> Task:
    """Start a task that is pending, or anew as its next attempt if it has ended.

    Neighbours are asked in ScanHub's order: task, workflow, exam, patient.

    Parameters
    ----------
    ports
        The outside world, on behalf of the caller.
    task_id
        The task.
    token
        The caller's token, which a device task carries to the device.
    cause
        Who and when.

    Returns
    -------
    Task
        The task in progress.

    Raises
    ------
    ConflictError
        It is in progress, a template, waits for another task, or its device is busy.
    """
    definition = ports.exam.get_task(task_id)
    if definition.is_template or definition.workflow_id is None:
        raise ConflictError("The task is a template: make a task of it first.")
    execution = load_execution(
        ports, definition.workflow_id, cause, detail="Failed to fetch workflow"
    )
    limits = load_limits(ports, execution.workflow.exam_id, cause)
    task = _make_ready(execution, definition.id, cause)
    if task.task_type.is_device_task:
        return handle_device_task(ports, execution, task, ScanOrder(limits, token), cause)
    return handle_processing_task(ports, execution, task, cause)


def _make_ready(execution: Execution, task_id: str, cause: Cause) -> Task:
    task = execution.tasks.get(task_id)
    if task is None:
        raise ConflictError("Exam-manager lists the task with no workflow: try again.")
    if task.status is TaskStatus.IN_PROGRESS:
        raise InvalidTransitionError("The task is in progress already.")
    if not task.task_type.is_device_task and not execution.has_inputs(task):
        raise ConflictError("The task waits for another one, whose data it takes.")
    execution.reset(task_id, cause)
    return execution.tasks[task_id]
