"""Tell exam-manager where a task stands."""

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.data_lake import result_prefix
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import (
    NeighbourRefusedError,
    ScanHubError,
    VersionConflictError,
)
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.domain.result import Result
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.observability import count_left_undone, logger
from workflow_manager.ports import ExamClient, WorkflowStore

# Exam-manager knows neither failure nor cancel: NEW lets the operator start again, and the comment
# says why.
_STATUS = {
    TaskStatus.PENDING: ItemStatus.NEW,
    TaskStatus.IN_PROGRESS: ItemStatus.INPROGRESS,
    TaskStatus.COMPLETED: ItemStatus.FINISHED,
    TaskStatus.FAILED: ItemStatus.NEW,
    TaskStatus.CANCELLED: ItemStatus.NEW,
}
MAX_ROUNDS = 5
# About an hour: what exam-manager itself has refused for so long is of no use to tell again.
N_TRIES_REFUSED = 5


def mirror_task(
    store: WorkflowStore, exam: ExamClient, workflow_id: str, task_id: str, cause: Cause
) -> None:
    """Bring exam-manager up to date; after a failure the task is due again later."""
    try:
        task = _find(store, workflow_id, task_id)
        if task is None or not task.is_mirror_due:
            return
        for n_rounds in range(MAX_ROUNDS):
            if task is None or _report(store, exam, task, cause, is_correction=n_rounds > 0):
                return
            # It moved on while we reported, and our report may be the later one there: report what
            # it is now, even if somebody else has done so.
            task = _find(store, workflow_id, task_id)
    except ScanHubError as error:
        logger.warning(
            "exam-manager not told, left to the reconciler",
            extra={"task_id": task_id, "reason": error.detail},
        )
        count_left_undone()


def _find(store: WorkflowStore, workflow_id: str, task_id: str) -> Task | None:
    execution = store.get_execution(workflow_id)
    return execution.tasks.get(task_id) if execution else None


def _report(
    store: WorkflowStore, exam: ExamClient, task: Task, cause: Cause, *, is_correction: bool
) -> bool:
    told = task.evolve(is_mirror_due=False, n_mirror_attempts=0, told_reason=task.reason)
    try:
        _report_results(store, exam, task)
        _report_status(exam, task, is_correction=is_correction)
    except NeighbourRefusedError as error:
        if not error.is_own or task.n_mirror_attempts < N_TRIES_REFUSED:
            _put_off(store, task, cause)
            raise
        logger.error(
            "exam-manager refuses the task's state for good",
            extra={"task_id": task.task_id, "status": error.status},
        )
    except ScanHubError:
        _put_off(store, task, cause)
        raise
    try:
        store.commit([told])
    except VersionConflictError:
        return False
    return True


def _report_status(exam: ExamClient, task: Task, *, is_correction: bool) -> None:
    status = _STATUS[task.status]
    if task.task_type.is_device_task and task.status is TaskStatus.IN_PROGRESS:
        if not is_correction:
            # Device-manager writes to the task while it scans.
            return
        # A rescan began while we reported the end of the last scan, which now stands there as its
        # own end: a device that scans must not count as free.
        status = ItemStatus.STARTED
    exam.report_task(task.task_id, status, task.progress, task.reason, task.told_reason)


def _put_off(store: WorkflowStore, task: Task, cause: Cause) -> None:
    later = task.evolve(n_mirror_attempts=task.n_mirror_attempts + 1, updated_at=cause.at)
    store.commit([later])


def _report_results(store: WorkflowStore, exam: ExamClient, task: Task) -> None:
    run = store.get_dag_run(task.dag_run_id) if task.dag_run_id else None
    if run is None or task.status is not TaskStatus.COMPLETED or not run.results:
        return
    # POST is not idempotent there: an earlier try whose answer was lost shows in the list.
    known = {(item.directory, item.filename) for item in exam.get_task(task.task_id).results}
    for result in run.results:
        directory, filename = _locate(run, result)
        if (directory, filename) not in known:
            exam.create_result(task.task_id, result.type, directory, filename)


def _locate(run: DagRun, result: Result) -> tuple[str, str]:
    if run.is_simulated:
        return "", result.key
    is_in_lake = result.key.startswith(result_prefix(run.dag_run_id))
    path = f"s3://{run.bucket}/{result.key}" if is_in_lake else result.key
    directory, _, filename = path.rpartition("/")
    return directory, filename
