"""Tell exam-manager where a task stands."""

from workflow_manager.domain.errors import ScanHubError, VersionConflictError
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.observability import logger
from workflow_manager.ports import Ports

# Exam-manager knows no failure: NEW lets the operator start again, the comment says why.
_STATUS = {
    TaskStatus.PENDING: ItemStatus.NEW,
    TaskStatus.IN_PROGRESS: ItemStatus.INPROGRESS,
    TaskStatus.COMPLETED: ItemStatus.FINISHED,
    TaskStatus.FAILED: ItemStatus.NEW,
}


def mirror_task(ports: Ports, workflow_id: str, task_id: str) -> None:
    """Bring exam-manager up to date; a failure leaves the task due for the reconciler.

    Parameters
    ----------
    ports
        The outside world.
    workflow_id, task_id
        The task.
    """
    execution = ports.store.get_execution(workflow_id)
    task = execution.tasks.get(task_id) if execution else None
    if task is None or not task.is_mirror_due:
        return
    try:
        _report_results(ports, task)
        ports.exam.report_task(task_id, _STATUS[task.status], task.progress, task.reason)
        ports.store.commit([task.evolve(is_mirror_due=False)])
    except VersionConflictError:
        # It moved on meanwhile; whoever moved it mirrors the newer state.
        return
    except ScanHubError as error:
        logger.warning(
            "exam-manager not told, left to the reconciler",
            extra={"task_id": task_id, "reason": error.detail},
        )


def _report_results(ports: Ports, task: Task) -> None:
    run = ports.store.get_dag_run(task.dag_run_id) if task.dag_run_id else None
    if run is None or task.status is not TaskStatus.COMPLETED or not run.results:
        return
    # POST is not idempotent there: an earlier try whose answer was lost shows in the list.
    known = {(item.directory, item.filename) for item in ports.exam.get_task(task.task_id).results}
    for result in run.results:
        path = result.key if run.data is None else f"s3://{run.data.bucket}/{result.key}"
        directory, _, filename = path.rpartition("/")
        if (directory, filename) not in known:
            ports.exam.create_result(task.task_id, result.type, directory, filename)
