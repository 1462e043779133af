"""Ask device-manager for the device of a scan that does not go on."""

from http import HTTPStatus

from workflow_manager.deadline import limit
from workflow_manager.domain.device_look import SAID_ERROR, DeviceLook, is_later
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import NeighbourRefusedError
from workflow_manager.domain.exam import Device, ExamTask, TaskType
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import Task
from workflow_manager.observability import logger
from workflow_manager.ports import ExamClient, MessageQueue, ScanClient, WorkflowStore
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.scans.follow_device_task import (
    FULL,
    ask_exam_manager,
    find_followed,
    is_quiet,
)
from workflow_manager.steps.workflows.commit_execution import commit_execution

# Less than a turn notices as slow: a device-manager that hangs makes no turn careful.
LOOK_S = 3.0


def look_at_device(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    scan: ScanClient,
    task: Task,
    reported: ExamTask,
    cause: Cause,
) -> None:
    """Fail a scan whose device says that it has failed, or that it does not scan, for minutes.

    It has not failed if its file has come meanwhile.

    Parameters
    ----------
    reported
        The task as exam-manager had it before: with no other progress than at the last look.

    Raises
    ------
    UpstreamError
        Device-manager gave no answer that says anything.
    """
    device = _ask_device_manager(scan, task.args.get("device_id", ""))
    if device is not None:
        _conclude(store, queue, exam, task, reported, device, cause)


def _ask_device_manager(scan: ScanClient, device_id: str) -> Device | None:
    try:
        with limit(LOOK_S):
            return scan.get_device(device_id)
    except NeighbourRefusedError as error:
        # A device that was taken away there tells nothing of the scanner.
        if error.status != HTTPStatus.NOT_FOUND:
            raise
    return None


@retry_on_conflict
def _conclude(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    task: Task,
    reported: ExamTask,
    device: Device,
    cause: Cause,
) -> None:
    execution = store.get_execution(task.workflow_id)
    known = find_followed(execution, task)
    if execution is None or known is None:
        return
    seen = known.own_look or DeviceLook(attempt=known.attempt, moved_at=cause.at)
    is_news = is_later(device, reported, cause.at - known.updated_at)
    look = seen.follow(device, is_news=is_news, at=cause.at)
    is_sdk = known.task_type is TaskType.DEVICE_TASK_SDK
    end = look.find_end(cause.at, is_sdk=is_sdk, has_moved=known.progress > 0)
    if end is None:
        _keep(store, queue, execution, known, look, cause)
        return
    # Device-manager writes progress before the word behind it: the last one may have come since.
    now = ask_exam_manager(exam, task.task_id)
    if now is None or not is_quiet(known, now):
        return
    if end != SAID_ERROR and now.has_fresh_data:
        # While a device sends its file, device-manager hears nothing else of it: not the end.
        _end_scan(execution, known, cause)
        commit_execution(store, queue, execution)
        return
    execution.fail(known.task_id, end, cause, may_scan=look.may_scan)
    commit_execution(store, queue, execution)
    logger.warning("scan lost", extra={"task_id": known.task_id, "word": look.word})


def _end_scan(execution: Execution, known: Task, cause: Cause) -> None:
    if execution.graph.has_followers(known):
        execution.note_scan(known.task_id, FULL, cause)
    else:
        execution.complete(known.task_id, None, cause)


def _keep(
    store: WorkflowStore,
    queue: MessageQueue,
    execution: Execution,
    known: Task,
    look: DeviceLook,
    cause: Cause,
) -> None:
    if look != known.device_look:
        execution.put_task(known.evolve(device_look=look), cause)
        commit_execution(store, queue, execution)
