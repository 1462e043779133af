"""Start one task on an operator's call."""

from dataclasses import dataclass, field, replace
from functools import partial

from workflow_manager.domain.entity import UNREADABLE, Cause
from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    InvalidTransitionError,
)
from workflow_manager.domain.exam import Exam, ExamTask, ItemStatus
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
from workflow_manager.steps.patients.know_patient import note_patient
from workflow_manager.steps.patients.load_limits import make_limits
from workflow_manager.steps.patients.patient_ahead import PatientAhead
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.scans.claim_device import claim_device
from workflow_manager.steps.scans.handle_device_task import handle_device_task
from workflow_manager.steps.scans.look_ahead import look_ahead
from workflow_manager.steps.scans.start_scan import ScanOrder
from workflow_manager.steps.tasks.find_repeated import is_repeated
from workflow_manager.steps.tasks.handle_processing_task import handle_processing_task
from workflow_manager.steps.tasks.reset_task import reset_task
from workflow_manager.steps.tasks.tell_refusal import tell_refusal
from workflow_manager.steps.workflows.commit_definition import commit_definition
from workflow_manager.steps.workflows.commit_execution import commit_execution
from workflow_manager.steps.workflows.load_execution import load_execution

NO_WORKFLOW = "Failed to fetch workflow"


@dataclass(frozen=True)
class Wanted:
    """What a call wants to be started.

    Parameters
    ----------
    task
        As the call has seen it: only its next attempt is started.
    expected_attempt
        The task's attempt as the caller knows it; None: he does not say.
    order
        What a scan takes besides; None for a DAG task.
    exam_record
        The exam as the call has seen it.
    """

    task: Task
    expected_attempt: int | None
    order: ScanOrder | None
    exam_record: Exam = field(repr=False)


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
    expected_attempt: int | None = None,
    known: Task | None = None,
    definition: ExamTask | None = None,
) -> Task:
    """Start a task that is pending, or anew as its next attempt if it has ended.

    Neighbours are asked in ScanHub's order: task, workflow, exam, patient. Exam and patient of a
    workflow that was processed before are asked for beside it; what fails first in that order is
    the answer. A call that is repeated returns the attempt that it has started before.

    Parameters
    ----------
    token
        The caller's token, which a device task carries to the device.
    expected_attempt
        The task's attempt as the caller knows it, 0 before the first: only the next is started.
    known
        The task as the calling use case knows it.
    definition
        The task as exam-manager has just shown it; None asks for it.

    Returns
    -------
    Task
        The task in progress.

    Raises
    ------
    ConflictError
        It is in progress, at another attempt, a template, waits for another task, or its device is
        busy.
    InvalidInputError
        It is not known whose data it takes, or there is none.
    """
    definition = definition or exam.get_task(task_id)
    if definition.is_template or definition.workflow_id is None:
        raise ConflictError("The task is a template: make a task of it first.")
    if definition.status is ItemStatus.DELETED:
        raise ConflictError("The task was deleted in exam-manager.")
    refusal = tell_refusal(store, exam, definition.workflow_id, definition.id)
    with refusal, PatientAhead(exam, scan) as patient:
        execution = load_execution(
            store,
            exam,
            settings,
            definition.workflow_id,
            cause,
            NO_WORKFLOW,
            renewed_task_id=definition.id,
            tell_exam=patient.ask,
        )
        exam_id = execution.graph.workflow.exam_id
        task = execution.graph.tasks.get(definition.id)
        with look_ahead(store, scan, task) as ahead:
            found = patient.load(exam_id)
            seen = known or task
            if seen is None:
                raise ConflictError("Exam-manager lists the task with no workflow: try again.")
            is_scan = seen.task_type.is_device_task
            limits = make_limits(*found, cause.at.date()) if is_scan else None
            asked = (ahead.sequence, ahead.hold)
            order = ScanOrder(exam_id, limits, token, *asked) if limits else None
            wanted = Wanted(seen, expected_attempt, order, found[0])
            return _start(store, queue, exam, scan, clock, settings, [execution], wanted, cause)


@retry_on_conflict
def _start(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    scan: ScanClient,
    clock: Clock,
    settings: Settings,
    loaded: list[Execution],
    wanted: Wanted,
    cause: Cause,
) -> Task:
    # What was loaded is good for one try; after a conflict, state and definition are read again.
    seen, order = wanted.task, wanted.order
    if loaded:
        execution = loaded.pop()
    else:
        execution = _load(store, exam, settings, seen.workflow_id, seen.task_id, cause)
        # The device may be another's by now, and the sequence another one.
        order = replace(order, hold=None, sequence=None) if order else None
    execution = commit_definition(store, queue, execution)
    task = execution.graph.tasks[seen.task_id]
    try:
        is_known = _check(store, execution, task, wanted, cause)
    except (ConflictError, InvalidInputError):
        # What exam-manager has told us is kept all the same, deadlines among it.
        commit_execution(store, queue, execution)
        raise
    if is_known:
        commit_execution(store, queue, execution)
        return task
    check = partial(_check_claim, store, exam, settings, task, cause)
    execution = reset_task(store, queue, execution, task.task_id, check, cause)
    note_patient(exam, execution, wanted.exam_record)
    task = execution.graph.tasks[seen.task_id]
    if order is None:
        return handle_processing_task(store, queue, settings, execution, task, cause)
    if execution.graph.workflow.exam_id != order.exam_id:
        # The limits would be those of another patient.
        raise ConflictError("The workflow was moved to another exam meanwhile: try again.")
    return handle_device_task(
        store, queue, exam, scan, clock, settings, execution, task, order, cause
    )


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


def _check(
    store: WorkflowStore, execution: Execution, task: Task, wanted: Wanted, cause: Cause
) -> bool:
    """Tell whether the wanted attempt is in progress already; raise if it must not be started."""
    if task.status is TaskStatus.UNKNOWN:
        raise InvalidTransitionError(UNREADABLE)
    if is_repeated(store, execution.graph, task, cause, wanted.expected_attempt):
        return True
    # A scan of somebody else that has ended and whose data never came may be repeated.
    waits_for_data = task.attempt == 0 and task.progress == 100
    if task.status is TaskStatus.IN_PROGRESS and not waits_for_data:
        raise InvalidTransitionError("The task is in progress already.")
    if (task.status, task.attempt) != (wanted.task.status, wanted.task.attempt):
        # Another call came between: what it led to must be looked at before the next attempt.
        raise ConflictError(f"Another call started the task; it is {task.status}. {task.reason}")
    if task.input_problems:
        raise InvalidInputError(" ".join(task.input_problems))
    if not task.task_type.is_device_task and not execution.graph.has_usable_inputs(task):
        raise ConflictError("The task waits for another one, whose data it takes.")
    return False
