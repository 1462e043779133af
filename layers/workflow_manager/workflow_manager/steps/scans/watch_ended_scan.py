"""Look for the end of a scan that goes on although its task has ended here."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import UpstreamError
from workflow_manager.domain.exam import ExamTask, ItemStatus
from workflow_manager.domain.task import Task
from workflow_manager.ports import ExamClient, MessageQueue, WorkflowStore
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.scans.follow_device_task import ask_exam_manager
from workflow_manager.steps.workflows.commit_execution import commit_execution


@retry_on_conflict
def watch_ended_scan(
    store: WorkflowStore, queue: MessageQueue, exam: ExamClient, task: Task, cause: Cause
) -> None:
    """Note once that exam-manager shows the end of a scan, until the time of the scan is over."""
    is_over = task.watched_until is None or task.watched_until <= cause.at
    reported = _ask(exam, task, is_over=is_over)
    execution = store.get_execution(task.workflow_id)
    known = execution.graph.tasks.get(task.task_id) if execution else None
    if execution is None or known is None or known.watched_until is None:
        return
    # Until exam-manager is told of our end, it may show that of an earlier attempt.
    if known.attempt != task.attempt or known.is_mirror_due:
        return
    if reported and reported.status is ItemStatus.FINISHED:
        execution.record_late_end(known.task_id, cause)
    elif is_over:
        execution.put_task(known.evolve(watched_until=None), cause)
    commit_execution(store, queue, execution)


def _ask(exam: ExamClient, task: Task, *, is_over: bool) -> ExamTask | None:
    try:
        return ask_exam_manager(exam, task.task_id)
    except UpstreamError:
        if not is_over:
            raise
    return None
