"""Carry out a device task on the operator's explicit call."""

from functools import partial
from typing import Any

from workflow_manager.beside import Beside
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import (
    ConflictError,
    DeviceStartError,
    LoginExpiredError,
    ScanHubError,
    UpstreamError,
)
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.observability import MetricUnit, log_unexpected, logger, metrics
from workflow_manager.ports import Clock, ExamClient, MessageQueue, ScanClient, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.scans.claim_device import claim_device
from workflow_manager.steps.scans.confirm_scan import confirm_scan
from workflow_manager.steps.scans.start_scan import ScanOrder, start_scan
from workflow_manager.steps.tasks.fail_task import fail_task
from workflow_manager.steps.workflows.commit_execution import send_messages

EARLIER_SCAN = "Not started: exam-manager could not be told that the scan before is history."


def handle_device_task(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    scan: ScanClient,
    clock: Clock,
    settings: Settings,
    execution: Execution,
    task: Task,
    order: ScanOrder,
    cause: Cause,
) -> Task:
    """Claim a pending device task and start its scan.

    The claim is committed before anything is sent, and a task leaves PENDING only once: whoever
    calls twice, or dies here, never starts the scanner a second time.

    Parameters
    ----------
    order
        What the operator's call brings along.

    Returns
    -------
    Task
        The task in progress.

    Raises
    ------
    VersionConflictError
        Somebody else wrote first; nothing was sent. Never raised after the claim.
    ConflictError
        The device is busy, or the task was cancelled meanwhile; whether anything was sent is said.
    ScanHubError
        The scan was not started or not confirmed; the task is FAILED with the reason.
    """
    claimed = execution.claim_for_scan(task.task_id, settings.policy, cause)
    lock = claim_device(store, exam, claimed, cause, order.hold)
    changes = execution.changes
    # A port is built when its first attribute is read: here, not in two threads at once.
    get_record = exam.get_record
    with Beside(partial(get_record, task.task_id)) as record:
        store.commit([*changes.entities, *([lock] if lock else [])], changes.events)
    committed = execution.as_committed()
    try:
        _start(store, queue, exam, scan, clock, committed, claimed, order, record, cause)
    finally:
        # Only now: no scanner waits for them.
        send_messages(queue, execution)
    metrics.add_metric("ScansStarted", MetricUnit.Count, 1)
    logger.info("scan started", extra={"task_id": task.task_id, "attempt": claimed.attempt})
    return claimed


def _start(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    scan: ScanClient,
    clock: Clock,
    committed: Execution,
    claimed: Task,
    order: ScanOrder,
    record: Beside[dict[str, Any]],
    cause: Cause,
) -> None:
    try:
        _report_started(exam, claimed, record)
        start_scan(store, scan, clock, claimed, order, cause)
    except ScanHubError as error:
        reason = error.reason if isinstance(error, DeviceStartError) else error.detail
        may_scan = isinstance(error, DeviceStartError) and error.may_scan
        _record_failure(store, queue, claimed, reason, cause, may_scan=may_scan)
        raise
    except Exception:
        # Whatever it was, a claimed task must not stay behind in progress.
        reason = "Start not confirmed: an unexpected error."
        _record_failure(store, queue, claimed, reason, cause, may_scan=True)
        raise
    if _is_cancelled(store, queue, committed, claimed, cause):
        raise ConflictError(
            "The task was cancelled in the moment in which its scan was started. "
            "The scanner was not stopped: stop it at its console."
        )


def _report_started(exam: ExamClient, task: Task, record: Beside[dict[str, Any]]) -> None:
    # Before the start: while the scan runs, device-manager writes to the task.
    try:
        exam.report_task(task.task_id, ItemStatus.STARTED, 0, record=record.wait())
    except LoginExpiredError:
        # The device reports with the same token, and would not be heard.
        raise
    except UpstreamError as error:
        if task.is_mirror_due:
            # What exam-manager still says of an earlier scan would count as the end of this one.
            raise DeviceStartError(EARLIER_SCAN) from error
        logger.warning(
            "exam-manager not told of the start",
            extra={"task_id": task.task_id, "reason": error.detail},
        )


def _is_cancelled(
    store: WorkflowStore, queue: MessageQueue, committed: Execution, claimed: Task, cause: Cause
) -> bool:
    try:
        return confirm_scan(store, queue, claimed, cause, committed) is TaskStatus.CANCELLED
    except ScanHubError as error:
        # The caller must hear of the start; the reconciler finds out that the device scans.
        log_unexpected(error)
        return False


def _record_failure(
    store: WorkflowStore,
    queue: MessageQueue,
    task: Task,
    reason: str,
    cause: Cause,
    *,
    may_scan: bool,
) -> None:
    try:
        has_failed = fail_task(store, queue, task, reason, cause, may_scan=may_scan)
    except ScanHubError as error:
        # The caller must hear of the start; the deadline ends the task.
        log_unexpected(error)
        # It may be written down or not: it is rather counted twice than never.
        has_failed = True
    if has_failed:
        metrics.add_metric("ScanStartsFailed", MetricUnit.Count, 1)
