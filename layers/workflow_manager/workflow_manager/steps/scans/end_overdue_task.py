"""End a task whose time is over and that no run reports for: a scan, or what others started."""

from datetime import timedelta

from workflow_manager.domain.device_look import SAID_ERROR
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ScanHubError
from workflow_manager.domain.exam import ExamTask, ItemStatus
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.observability import MetricUnit, metrics
from workflow_manager.ports import ExamClient, MessageQueue, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.scans.follow_device_task import ask_exam_manager, note_missing
from workflow_manager.steps.workflows.commit_execution import commit_execution

ASK_AGAIN = timedelta(minutes=5)
# So long is an attempt left open past its end because exam-manager cannot be asked.
MAX_ASK_TIME = timedelta(hours=1)
_ENDS = (ItemStatus.FINISHED, ItemStatus.ERROR)
UNFINISHED = "No data and no end was reported before the deadline."
UNASKED = "Exam-manager could not be asked for an hour."
UNCONFIRMED = (
    "Start not confirmed: the call that started it broke off. "
    "Look at the scanner before you start again."
)
NO_DATA = "The scan has ended, but its data did not arrive: upload it for this task."


@retry_on_conflict
def end_overdue_task(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    settings: Settings,
    workflow_id: str,
    task_id: str,
    cause: Cause,
) -> None:
    """Complete the task if exam-manager says that it has ended and nobody waits for its data.

    A scan whose start nobody has confirmed ends much earlier, unless exam-manager says that it is
    under way. Exam-manager is given an hour to answer; then the task fails without its word.
    """
    execution = store.get_execution(workflow_id)
    task = execution.graph.tasks.get(task_id) if execution else None
    if execution is None or task is None or task.status is not TaskStatus.IN_PROGRESS:
        return
    if task.ends_at is None or task.ends_at > cause.at:
        # Started anew, or confirmed, since the reconciler looked.
        return
    try:
        reported = ask_exam_manager(exam, task_id)
    except ScanHubError:
        if cause.at < task.ends_at + MAX_ASK_TIME:
            store.commit([task.evolve(ask_again_at=cause.at + ASK_AGAIN)])
            raise
        is_unconfirmed = task.start_lease_until is not None
        reason = UNCONFIRMED if is_unconfirmed else UNFINISHED
        execution.fail(task_id, f"{reason} {UNASKED}", cause, may_scan=is_unconfirmed)
    else:
        if reported and reported.status in _ENDS and task.may_show_earlier:
            # It tells nothing of this attempt.
            reported = reported.model_copy(update={"status": ItemStatus.STARTED, "progress": 0})
        _settle(settings, execution, task, reported, cause)
    commit_execution(store, queue, execution)
    if execution.graph.tasks[task_id].status is TaskStatus.FAILED:
        _count(execution.graph.tasks[task_id].reason or "")


def _count(reason: str) -> None:
    if reason.startswith(UNCONFIRMED):
        metrics.add_metric("ScanStartsFailed", MetricUnit.Count, 1)
    elif reason.startswith((UNFINISHED, NO_DATA)):
        # A task that is gone from exam-manager was not too slow.
        metrics.add_metric("RunsPastDeadline", MetricUnit.Count, 1)


def _settle(
    settings: Settings, execution: Execution, task: Task, reported: ExamTask | None, cause: Cause
) -> None:
    task_id = task.task_id
    if reported is None:
        note_missing(execution, task, cause)
    elif reported.status is ItemStatus.ERROR:
        execution.fail(task_id, SAID_ERROR, cause)
    elif task.start_lease_until is not None:
        _settle_start(execution, task, reported, cause)
    elif not _has_ended(task, reported):
        execution.fail(task_id, UNFINISHED, cause)
    elif execution.graph.has_followers(task) and task.task_type.is_device_task:
        # Not told to exam-manager: it would offer a scan again that has been done.
        execution.fail(task_id, NO_DATA, cause, is_mirrored=False)
    else:
        execution.complete(task_id, None, cause)
        execution.advance(settings.policy, cause)


def _has_ended(task: Task, reported: ExamTask) -> bool:
    if reported.status is ItemStatus.FINISHED or task.waits_for_data:
        return True
    # While a device sends its file, device-manager hears no end of it.
    return task.task_type.is_device_task and reported.has_fresh_data


def _settle_start(execution: Execution, task: Task, reported: ExamTask, cause: Cause) -> None:
    # Device-manager writes the progress there; the status is what we said before the start.
    if reported.progress > 0 or reported.status is ItemStatus.FINISHED:
        execution.put_task(task.evolve(missing_since=None), cause)
        execution.confirm_scan(task.task_id, cause)
    else:
        execution.fail(task.task_id, UNCONFIRMED, cause, may_scan=True)
