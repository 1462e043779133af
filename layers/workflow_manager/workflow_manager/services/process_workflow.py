"""Start or resume a workflow."""

from dataclasses import dataclass, replace

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ConflictError, InvalidInputError
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.observability import logger
from workflow_manager.ports import (
    Clock,
    ExamClient,
    MessageQueue,
    Orchestrator,
    ScanClient,
    WorkflowStore,
)
from workflow_manager.settings import Settings
from workflow_manager.steps.patients.know_patient import note_patient
from workflow_manager.steps.patients.load_limits import load_patient, make_limits
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.scans.handle_device_task import handle_device_task
from workflow_manager.steps.scans.look_ahead import look_ahead
from workflow_manager.steps.scans.start_scan import ScanOrder
from workflow_manager.steps.tasks.find_repeated import find_own_begun
from workflow_manager.steps.tasks.handle_processing_task import handle_processing_task
from workflow_manager.steps.tasks.tell_refusal import tell_refusal
from workflow_manager.steps.workflows.check_workflow import Answers, check_workflow
from workflow_manager.steps.workflows.commit_definition import commit_definition
from workflow_manager.steps.workflows.commit_execution import commit_execution
from workflow_manager.steps.workflows.load_execution import load_execution


@dataclass(frozen=True)
class ProcessedWorkflow:
    """What a call did.

    Parameters
    ----------
    execution
        The workflow afterwards.
    task
        The task that was started, or the one that the workflow waits for; None if all are
        completed.
    is_started
        Whether this call started it.
    not_checked
        What nobody could look at before a scan was started, in sentences.
    """

    execution: Execution
    task: Task | None
    is_started: bool
    not_checked: tuple[str, ...] = ()


def process_workflow(
    store: WorkflowStore,
    queue: MessageQueue,
    orchestrator: Orchestrator,
    exam: ExamClient,
    scan: ScanClient,
    clock: Clock,
    settings: Settings,
    workflow_id: str,
    token: str,
    cause: Cause,
    auto_advance: bool | None = None,
) -> ProcessedWorkflow:
    """Claim the first task that is pending and whose inputs are there, and start it.

    With it start all DAG tasks that are ready, unless the workflow is to go step by step. A scan
    starts only if the workflow can be carried out to its end, as far as services say; a call that
    is repeated starts no second one.

    Parameters
    ----------
    token
        The caller's token, which a device task carries to the device.
    auto_advance
        From now on, whether the workflow's DAG tasks start by themselves; None: as before.

    Returns
    -------
    ProcessedWorkflow
        With nothing started if nothing is ready: finished or in progress.

    Raises
    ------
    ConflictError
        Nothing is ready because a task has failed or was cancelled, or a scan is, but another one
        has failed: only a call that names a task starts it. Or something keeps the workflow from
        being carried out at this moment.
    LoginExpiredError
        A service refused the caller's token.
    InvalidInputError
        A scan is ready, but the workflow's definition cannot be carried out. Or nothing is
        ready, and it is not known whose data the next task takes.
    """
    # Good for all tries.
    answers = Answers()
    return _process(
        store,
        queue,
        orchestrator,
        exam,
        scan,
        clock,
        settings,
        workflow_id,
        token,
        cause,
        auto_advance,
        answers,
    )


@retry_on_conflict
def _process(
    store: WorkflowStore,
    queue: MessageQueue,
    orchestrator: Orchestrator,
    exam: ExamClient,
    scan: ScanClient,
    clock: Clock,
    settings: Settings,
    workflow_id: str,
    token: str,
    cause: Cause,
    auto_advance: bool | None,
    answers: Answers,
) -> ProcessedWorkflow:
    execution = load_execution(store, exam, settings, workflow_id, cause)
    execution = commit_definition(store, queue, execution)
    if auto_advance is not None:
        execution.set_auto_advance(cause, is_on=auto_advance)
    graph = execution.graph
    task, own = graph.next_ready_task(), find_own_begun(store, graph, cause)
    is_step = task is not None and not task.task_type.is_device_task
    if own is not None and not (is_step and not own.is_scanning):
        # No scan begins with the second click, whatever the first one has begun.
        task = None
    execution.advance(settings.policy, cause, but=task)
    if task is None:
        commit_execution(store, queue, execution)
        return ProcessedWorkflow(execution, own, is_started=False) if own else _explain(execution)
    if not task.task_type.is_device_task:
        started = handle_processing_task(store, queue, settings, execution, task, cause)
        return ProcessedWorkflow(execution, started, is_started=True)
    with tell_refusal(store, exam, workflow_id, task.task_id):
        if failed := graph.failed_scan():
            # Else a repeated call would start the next scan on a scanner that may be scanning.
            commit_execution(store, queue, execution)
            raise _refuse(failed)
        answers.sequence_id = task.args.get("sequence_id")
        today = cause.at.date()
        # The checks read the sequence.
        with look_ahead(store, scan, task, has_sequence=True) as ahead:
            checked = check_workflow(orchestrator, exam, scan, settings, graph, answers, today)
        answers.require_login()
        if refusal := checked.find_refusal(task.task_id):
            if execution.changes.runs:
                # The tasks beside it go on.
                commit_execution(store, queue, execution)
            raise refusal
        if checked.not_checked:
            # Not the texts, which the caller gets: one of ScanHub's names the patient's id.
            extra = {"task_id": task.task_id, "n_not_checked": len(checked.not_checked)}
            logger.warning("scan starts without all checks", extra=extra)
        order = _make_order(exam, scan, execution, answers, token, cause)
        order = replace(order, hold=ahead.hold)
        started = handle_device_task(
            store, queue, exam, scan, clock, settings, execution, task, order, cause
        )
    return ProcessedWorkflow(execution, started, is_started=True, not_checked=checked.not_checked)


def _make_order(
    exam: ExamClient,
    scan: ScanClient,
    execution: Execution,
    answers: Answers,
    token: str,
    cause: Cause,
) -> ScanOrder:
    exam_id = execution.graph.workflow.exam_id
    record, limits = answers.exam_record(exam_id), answers.limits(exam_id)
    if record is None or limits is None:
        # No scan without them: what did not come in the time of the checks is waited for.
        record, patient = load_patient(exam, scan, exam_id)
        limits = make_limits(record, patient, cause.at.date())
    note_patient(exam, execution, record)
    return ScanOrder(exam_id, limits, token, answers.sequence)


def _explain(execution: Execution) -> ProcessedWorkflow:
    task = execution.graph.current_task()
    if task is not None and task.status in (TaskStatus.FAILED, TaskStatus.CANCELLED):
        raise _refuse(task)
    statuses = {each.status for each in execution.graph.tasks.values()}
    if task is not None and task.input_problems and TaskStatus.IN_PROGRESS not in statuses:
        raise InvalidInputError(
            f"Nothing was started: task {task.task_id}. {' '.join(task.input_problems)}"
        )
    return ProcessedWorkflow(execution, task, is_started=False)


def _refuse(task: Task) -> ConflictError:
    what = "has failed" if task.status is TaskStatus.FAILED else "was cancelled"
    return ConflictError(
        f"Nothing was started: task {task.task_id} {what}. {task.reason} "
        f"POST /trigger_task/{task.task_id}/ starts it again."
    )
