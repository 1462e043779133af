"""Tell exam-manager where a task stands.

Exam-manager keeps what was PUT last, and three write: `follow_changes`, the reconciler, and the
start of a scan. It settles on our newest version, because a task stays due in the table until a
report of that version has arrived after every older one.
"""

from datetime import timedelta

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import (
    NeighbourRefusedError,
    UpstreamError,
    VersionConflictError,
)
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.told_run import describe_run
from workflow_manager.domain.waiting import find_progress
from workflow_manager.observability import logger
from workflow_manager.ports import ExamClient, WorkflowStore

_STATUS = {
    TaskStatus.PENDING: ItemStatus.NEW,
    TaskStatus.IN_PROGRESS: ItemStatus.STARTED,
    TaskStatus.COMPLETED: ItemStatus.FINISHED,
    TaskStatus.FAILED: ItemStatus.ERROR,
    TaskStatus.CANCELLED: ItemStatus.ERROR,
}
MAX_ROUNDS = 5
WAITS_FOR_DATA = "Waits for raw data: upload it for this task."
# A report that exam-manager itself has refused for so long is not repeated: one that is restored
# from its backup meanwhile is still told.
MAX_TIME_REFUSED = timedelta(hours=1)


def mirror_task(
    store: WorkflowStore,
    exam: ExamClient,
    workflow_id: str,
    task_id: str,
    cause: Cause,
    *,
    is_last: bool = False,
    is_repeated: bool = False,
) -> None:
    """Report a task as it is now, if a report is due or a run works on it.

    Parameters
    ----------
    is_last
        Whether the reconciler calls: nobody reports an older version after it.
    is_repeated
        Whether an earlier call broke off, perhaps after it reported an older version.

    Raises
    ------
    UpstreamError
        Exam-manager did not take the report; it is due again in the table.
    """
    for n_rounds in range(MAX_ROUNDS):
        task = store.get_task(workflow_id, task_id)
        if task is None or task.status is TaskStatus.UNKNOWN:
            return
        run = store.get_dag_run(task.dag_run_id) if task.dag_run_id else None
        # Progress alone is no change of the task: a message tells it, and the next makes up for it.
        is_wanted = task.is_mirror_due or is_repeated or find_progress(task, run) > task.progress
        if not (is_wanted or n_rounds):
            return
        if _report(store, exam, task, run, cause, is_last=is_last):
            return
        # The task moved on meanwhile, and our older report may have arrived last: report the task
        # as it is now, even if somebody else has done so. The writer of that newer version has made
        # the task due.


def _report(
    store: WorkflowStore,
    exam: ExamClient,
    task: Task,
    run: DagRun | None,
    cause: Cause,
    *,
    is_last: bool,
) -> bool:
    refusals: list[str] = []
    try:
        _report_run(exam, task, run, refusals)
        _report_status(exam, task, run)
    except UpstreamError as error:
        if not _is_refused_for_good(task, error, cause):
            if task.is_mirror_due:
                _note_failure(store, task, cause)
            raise
        refusals.append(f"Exam-manager has refused the task's state for an hour: {error.detail}.")
    if not task.is_mirror_due and not refusals:
        # Nothing to write: what moves on from here is told by whoever moves it.
        now = store.get_task(task.workflow_id, task.task_id)
        return now is None or now.version == task.version
    # The reconciler postpones a task before it reports it: its report may be under way.
    is_overtaken = task.report_retry_at is not None and task.report_retry_at > cause.at
    told = task.with_report(is_due=is_overtaken and not is_last)
    try:
        _commit_told(store, told, refusals, cause)
    except VersionConflictError:
        return False
    return True


def _commit_told(store: WorkflowStore, told: Task, refusals: list[str], cause: Cause) -> None:
    execution = store.get_execution(told.workflow_id) if refusals else None
    if execution is None:
        store.commit([told])
        return
    execution.put_task(told, cause)
    for refusal in refusals:
        logger.error("exam-manager refuses", extra={"task_id": told.task_id, "reason": refusal})
        execution.record_refusal(told.task_id, refusal, cause)
    store.commit(execution.changes.entities, execution.changes.events)


def _is_refused_for_good(task: Task, error: UpstreamError, cause: Cause) -> bool:
    if not isinstance(error, NeighbourRefusedError) or not error.is_own:
        return False
    return task.untold_since is not None and cause.at - task.untold_since >= MAX_TIME_REFUSED


def _note_failure(store: WorkflowStore, task: Task, cause: Cause) -> None:
    try:
        store.commit([task.put_off_report(cause.at, has_failed=True)])
    except VersionConflictError:
        # The task has moved on, and is due again with its newer version.
        return


def _report_status(exam: ExamClient, task: Task, run: DagRun | None) -> None:
    word = _find_word(task, run)
    if task.waits_for_data:
        # Device-manager has written the end.
        exam.report_task(task.task_id, word=word)
        return
    status = _STATUS[task.status]
    # The start of a scan was reported before, and device-manager writes during the scan. We only
    # correct a report of an earlier attempt that arrived late, above all its end, because a device
    # that scans must not count as free. If that overwrites a true end, the data or the deadline
    # ends the task.
    started = (ItemStatus.STARTED, ItemStatus.INPROGRESS)
    if task.is_scanning and exam.get_task(task.task_id).status in started:
        return
    exam.report_task(task.task_id, status, find_progress(task, run), word)


def _find_word(task: Task, run: DagRun | None) -> str | None:
    if task.waits_for_data:
        return WAITS_FOR_DATA
    if run is not None and run.waits_because is not None:
        return f"Waits for Airflow: {run.waits_because}"
    return task.reason


def _report_run(exam: ExamClient, task: Task, run: DagRun | None, refusals: list[str]) -> None:
    if run is not None:
        # One that it does not take holds up neither the others nor the end of the task.
        refusals += exam.report_run(task.task_id, describe_run(run))
