"""Take over from exam-manager how far a scan has come."""

from datetime import timedelta
from http import HTTPStatus

from workflow_manager.domain.device_look import SAID_ERROR
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import NeighbourRefusedError
from workflow_manager.domain.exam import ExamTask, ItemStatus
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import DELETED_REASON, Task, TaskStatus
from workflow_manager.ports import ExamClient, MessageQueue, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.workflows.commit_execution import commit_execution

FULL = 100
# Less than a minute, which is between two turns: one that finds progress each time asks no device.
STILL_TIME = timedelta(seconds=45)


@retry_on_conflict
def follow_device_task(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    settings: Settings,
    task: Task,
    cause: Cause,
) -> ExamTask | None:
    """Update a device task in progress by what device-manager has written to exam-manager.

    A scan at 100 is complete, and the tasks that wait for it start. If one of them takes its data,
    the scan is complete only when the data has come. One in error has failed.

    Returns
    -------
    ExamTask or None
        The task as exam-manager has it, if it has not gone on since the last look.
    """
    reported = ask_exam_manager(exam, task.task_id)
    execution = store.get_execution(task.workflow_id)
    known = find_followed(execution, task)
    if execution is None or known is None:
        return None
    has_stood = cause.at - known.updated_at >= STILL_TIME
    is_still = has_stood and reported is not None and is_quiet(known, reported)
    if reported is None:
        note_missing(execution, known, cause)
    elif reported.status is ItemStatus.ERROR:
        execution.fail(task.task_id, SAID_ERROR, cause)
    elif reported.status is ItemStatus.FINISHED and not execution.graph.has_followers(known):
        execution.complete(task.task_id, None, cause)
        execution.advance(settings.policy, cause)
    else:
        # An end once told, by its device or its file, is not undone by a late word or an edit.
        progress = FULL if known.waits_for_data else reported.progress
        if progress != known.progress or known.missing_since is not None:
            execution.put_task(known.evolve(missing_since=None), cause)
            execution.note_scan(task.task_id, progress, cause)
    commit_execution(store, queue, execution)
    return reported if is_still else None


def find_followed(execution: Execution | None, task: Task) -> Task | None:
    """Return an attempt as it is now, if it is in progress and exam-manager speaks of it."""
    known = execution.graph.tasks.get(task.task_id) if execution else None
    if known is None or known.attempt != task.attempt or known.may_show_earlier:
        # Exam-manager may still show an earlier attempt.
        return None
    return known if known.status is TaskStatus.IN_PROGRESS else None


def is_quiet(task: Task, reported: ExamTask) -> bool:
    """Tell whether a scan has not gone on since the last look, and is not over yet.

    While its start is not confirmed, its call or the end of its lease tells what has become of it.
    """
    is_over = reported.status is ItemStatus.FINISHED or FULL in (reported.progress, task.progress)
    is_started = task.start_lease_until is None
    return is_started and not is_over and reported.progress == task.progress


def note_missing(execution: Execution, task: Task, cause: Cause) -> None:
    """Fail a task that exam-manager has lacked for minutes, or note that; the caller commits."""
    if task.is_gone(cause.at):
        execution.fail(task.task_id, DELETED_REASON, cause, is_mirrored=False)
    elif task.missing_since is None:
        execution.put_task(task.evolve(missing_since=cause.at), cause)


def ask_exam_manager(exam: ExamClient, task_id: str) -> ExamTask | None:
    """Return a task as exam-manager has it; None if exam-manager itself says that it has none."""
    try:
        return exam.get_task(task_id)
    except NeighbourRefusedError as error:
        # A proxy answers 404 too, while exam-manager is being deployed.
        if error.status != HTTPStatus.NOT_FOUND or not error.is_own:
            raise
    return None
