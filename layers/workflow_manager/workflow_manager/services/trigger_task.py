"""Start one task on an operator's call."""

from functools import partial

from workflow_manager.domain.entity import UNREADABLE, Cause
from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    InvalidTransitionError,
    ScanHubError,
)
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.ports import (
    Clock,
    ExamClient,
    MessageQueue,
    ScanClient,
    WorkflowStore,
)
from workflow_manager.settings import Settings
from workflow_manager.steps.patients.load_limits import load_patient, make_limits
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.scans.claim_device import claim_device
from workflow_manager.steps.scans.handle_device_task import handle_device_task
from workflow_manager.steps.scans.start_scan import ScanOrder
from workflow_manager.steps.tasks.handle_processing_task import handle_processing_task
from workflow_manager.steps.tasks.reset_task import reset_task
from workflow_manager.steps.workflows.commit_definition import commit_definition
from workflow_manager.steps.workflows.commit_execution import commit_execution
from workflow_manager.steps.workflows.load_execution import load_execution

NO_WORKFLOW = "Failed to fetch workflow"


def trigger_task(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    scan: ScanClient,
    clock: Clock,
    settings: Settings,
    task_id: str,
    token: str,
    cause: Cause,
    known: Task | None = None,
) -> Task:
    """Start a task that is pending, or anew as its next attempt if it has ended.

    Neighbours are asked in ScanHub's order: task, workflow, exam, patient.

    Parameters
    ----------
    token
        The caller's token, which a device task carries to the device.
    known
        The task as the caller knows it: only its next attempt is started.

    Returns
    -------
    Task
        The task in progress.

    Raises
    ------
    ConflictError
        It is in progress, a template, waits for another task, or its device is busy.
    InvalidInputError
        It is not known whose data it takes, or there is none.
    """
    definition = exam.get_task(task_id)
    if definition.is_template or definition.workflow_id is None:
        raise ConflictError("The task is a template: make a task of it first.")
    if definition.status is ItemStatus.DELETED:
        raise ConflictError("The task was deleted in exam-manager.")
    execution = _load(store, exam, settings, definition.workflow_id, definition.id, cause)
    found = load_patient(exam, scan, execution.graph.workflow.exam_id)
    seen = execution.graph.tasks.get(definition.id)
    if seen is None:
        raise ConflictError("Exam-manager lists the task with no workflow: try again.")
    seen = known or seen
    if not seen.task_type.is_device_task:
        return _start_processing(store, queue, exam, settings, [execution], seen, cause)
    limits = make_limits(*found, cause.at.date())
    order = ScanOrder(execution.graph.workflow.exam_id, limits, token)
    return _start_scan(store, queue, exam, scan, clock, settings, [execution], seen, order, cause)


@retry_on_conflict
def _start_processing(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    settings: Settings,
    loaded: list[Execution],
    seen: Task,
    cause: Cause,
) -> Task:
    execution = _make_ready(store, queue, exam, settings, loaded, seen, cause)
    task = execution.graph.tasks[seen.task_id]
    return handle_processing_task(store, queue, settings, execution, task, cause)


@retry_on_conflict
def _start_scan(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    scan: ScanClient,
    clock: Clock,
    settings: Settings,
    loaded: list[Execution],
    seen: Task,
    order: ScanOrder,
    cause: Cause,
) -> Task:
    execution = _make_ready(store, queue, exam, settings, loaded, seen, cause)
    if execution.graph.workflow.exam_id != order.exam_id:
        # The limits would be those of another patient.
        raise ConflictError("The workflow was moved to another exam meanwhile: try again.")
    return handle_device_task(
        store,
        queue,
        exam,
        scan,
        clock,
        settings,
        execution,
        execution.graph.tasks[seen.task_id],
        order,
        cause,
    )


def _make_ready(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    settings: Settings,
    loaded: list[Execution],
    seen: Task,
    cause: Cause,
) -> Execution:
    # What was loaded is good for one try; after a conflict, state and definition are read again.
    execution = (
        loaded.pop()
        if loaded
        else _load(store, exam, settings, seen.workflow_id, seen.task_id, cause)
    )
    execution = commit_definition(store, queue, execution)
    task = execution.graph.tasks[seen.task_id]
    if refusal := _find_refusal(execution, task, seen):
        # What exam-manager has told us is kept all the same, deadlines among it.
        commit_execution(store, queue, execution)
        raise refusal
    check = partial(_check_claim, store, exam, settings, task, cause)
    return reset_task(store, queue, execution, task.task_id, check, cause)


def _check_claim(
    store: WorkflowStore, exam: ExamClient, settings: Settings, task: Task, cause: Cause
) -> None:
    if task.task_type.is_device_task:
        task.check_size()
        task.timeout_s(settings.policy)
        claim_device(store, exam, task.evolve(attempt=task.attempt + 1), cause)


def _load(
    store: WorkflowStore,
    exam: ExamClient,
    settings: Settings,
    workflow_id: str,
    task_id: str,
    cause: Cause,
) -> Execution:
    return load_execution(
        store, exam, settings, workflow_id, cause, NO_WORKFLOW, renewed_task_id=task_id
    )


def _find_refusal(execution: Execution, task: Task, seen: Task) -> ScanHubError | None:
    if task.status is TaskStatus.UNKNOWN:
        return InvalidTransitionError(UNREADABLE)
    # A scan of somebody else that has ended and whose data never came may be repeated.
    waits_for_data = task.attempt == 0 and task.progress == 100
    if task.status is TaskStatus.IN_PROGRESS and not waits_for_data:
        return InvalidTransitionError("The task is in progress already.")
    if (task.status, task.attempt) != (seen.status, seen.attempt):
        # Another call came between: what it led to must be looked at before the next attempt.
        return ConflictError(f"Another call started the task; it is {task.status}. {task.reason}")
    if task.input_problems:
        return InvalidInputError(" ".join(task.input_problems))
    if not task.task_type.is_device_task and not execution.graph.has_usable_inputs(task):
        return ConflictError("The task waits for another one, whose data it takes.")
    return None
