"""Show where a workflow stands."""

from workflow_manager.domain.entity import Cause, Event
from workflow_manager.domain.errors import UpstreamError
from workflow_manager.domain.exam import ExamTask
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.observability import logger
from workflow_manager.ports import Ports
from workflow_manager.services.load_execution import load_execution


def get_workflow(ports: Ports, workflow_id: str, cause: Cause) -> tuple[Execution, list[Event]]:
    """Return a workflow with its tasks and its audit trail; nothing is changed.

    Parameters
    ----------
    ports
        The outside world, on behalf of the caller.
    workflow_id
        The workflow; one that was never processed is shown as exam-manager defines it.
    cause
        Who asks.

    Returns
    -------
    tuple[Execution, list[Event]]
        The state, and the events, oldest first.
    """
    execution = ports.store.get_execution(workflow_id)
    if execution is None:
        return load_execution(ports, workflow_id, cause), []
    for task in execution.tasks.values():
        if task.task_type.is_device_task and task.status is TaskStatus.IN_PROGRESS:
            execution.tasks[task.task_id] = _with_device_progress(ports, task)
    return execution, ports.store.list_events(execution.workflow.subject)


def _with_device_progress(ports: Ports, task: Task) -> Task:
    # Device-manager writes a scan's progress to exam-manager, and nowhere else.
    try:
        reported: ExamTask = ports.exam.get_task(task.task_id)
    except UpstreamError as error:
        logger.warning("progress of the scan unknown", extra={"reason": error.detail})
        return task
    return task.evolve(progress=reported.progress)
