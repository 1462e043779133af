"""What exam-manager defines, and we take over as long as we have not started it."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from pydantic import AwareDatetime

from workflow_manager.domain.change_set import ChangeSet
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.exam import ExamTask, ExamWorkflow, ItemStatus, TaskType
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.named_inputs import INPUTS_ARG, NO_TEMPLATES, Templates
from workflow_manager.domain.policy import ExecutionPolicy
from workflow_manager.domain.task import DELETED_REASON, MAX_ARGS_BYTES, Task, TaskStatus
from workflow_manager.domain.task_graph import TaskGraph, order_by_inputs
from workflow_manager.domain.task_inputs import resolve_inputs
from workflow_manager.domain.workflow import Workflow, WorkflowStatus

_FROM_EXAM_MANAGER = {
    ItemStatus.NEW: TaskStatus.PENDING,
    ItemStatus.UPDATED: TaskStatus.PENDING,
    # Started by somebody else: it ends by its data, or at the deadline.
    ItemStatus.STARTED: TaskStatus.IN_PROGRESS,
    ItemStatus.INPROGRESS: TaskStatus.IN_PROGRESS,
    ItemStatus.FINISHED: TaskStatus.COMPLETED,
    ItemStatus.ERROR: TaskStatus.FAILED,
    ItemStatus.DELETED: TaskStatus.FAILED,
}
_FAILED_BECAUSE = {
    ItemStatus.DELETED: DELETED_REASON,
    ItemStatus.ERROR: "Exam-manager shows that it has failed.",
}
# Each with a line or two of the audit trail.
N_DEFINED_PER_COMMIT = 30


def make_execution(definition: ExamWorkflow, tasks: Sequence[Task], cause: Cause) -> Execution:
    """Make a new execution of exam-manager's definition, to be committed.

    Parameters
    ----------
    tasks
        From `make_tasks`.
    """
    workflow = Workflow(
        workflow_id=definition.id,
        exam_id=definition.exam_id,
        created_at=cause.at,
        updated_at=cause.at,
    )
    execution = Execution(TaskGraph(workflow, {}))
    execution.record(workflow.subject, "define", (None, workflow.status), cause)
    for task in tasks:
        _adopt(execution, task, cause)
    execution.follow_tasks(cause)
    return execution


def refresh_execution(
    execution: Execution, definition: ExamWorkflow, current: Sequence[Task], cause: Cause
) -> None:
    """Take over what happened in exam-manager to tasks that we have not started.

    New tasks, edits, a scan started at the console, a deleted task, another exam. What we have
    started is ours, and so is a status that exam-manager has not been told of yet. The execution
    comes as it was loaded.

    Parameters
    ----------
    current
        From `make_tasks`.
    """
    if execution.graph.workflow.is_partial:
        execution.put_workflow(is_partial=False)
    # The patient, and with that the limits of the next scan, follow from the exam.
    if definition.exam_id != execution.graph.workflow.exam_id:
        of_patient = {"patient_pseudonym": None, "study_at": None}
        execution.put_workflow(exam_id=definition.exam_id, **of_patient)
    for task in current:
        known = execution.graph.tasks.get(task.task_id)
        if known is None:
            _adopt(execution, task, cause)
        elif _is_untouched(known) and known.adopted_fields != task.adopted_fields:
            _adopt(execution, known.evolve(**task.adopted_fields), cause)
        elif known.status is TaskStatus.PENDING and known.orders != task.orders:
            # Only its status there is still our own of an earlier attempt.
            execution.put_task(known.evolve(**task.orders), cause)
        elif _has_ended(execution, known, task):
            execution.complete(known.task_id, None, cause)
        elif known.defined_at != task.defined_at:
            # Moved in the workflow.
            execution.put_task(known.evolve(defined_at=task.defined_at), cause)
    deleted = {"status": TaskStatus.FAILED, "reason": DELETED_REASON, "is_mirror_due": False}
    for gone in execution.graph.tasks.keys() - {task.task_id for task in current}:
        if execution.graph.tasks[gone].status is TaskStatus.PENDING:
            _adopt(execution, execution.graph.tasks[gone].evolve(**deleted), cause)
    if execution.changes:
        status = execution.graph.workflow.status
        execution.record(execution.graph.workflow.subject, "refresh", (status, status), cause)
        execution.follow_tasks(cause)


def split(execution: Execution) -> Iterator[Execution]:
    """Yield what was taken over in parts, each to be committed behind the one before it.

    Inputs come before what takes their data, and the workflow's status follows with the last part;
    until then it is partial, and the next refresh takes over what is missing.
    """
    changes, workflow = execution.changes, execution.graph.workflow
    own = [line for line in changes.events if line.entity == workflow.subject]
    defined = [line for line in own if line.from_state is None]
    before = (own[0].from_state or own[0].to_state) if own else workflow.status
    left = order_by_inputs(list(changes.tasks.values()))
    lines, n = defined, 0
    while left:
        tasks, left = left[:N_DEFINED_PER_COMMIT], left[N_DEFINED_PER_COMMIT:]
        entities = {f"task:{task.task_id}" for task in tasks}
        lines = [*lines, *(line for line in changes.events if line.entity in entities)]
        lines += [] if left else [line for line in own if line not in defined]
        status = WorkflowStatus(before) if left else workflow.status
        head = workflow.evolve(version=workflow.version + n, status=status, is_partial=bool(left))
        part = ChangeSet(head, {task.task_id: task for task in tasks}, {}, lines)
        yield Execution(TaskGraph(head, execution.graph.tasks), part)
        lines, n = [], n + 1


def renew_orders(execution: Execution, tasks: Sequence[Task], task_id: str, cause: Cause) -> None:
    """Take over for the next attempt how a task that has ended, and those behind it, are done now.

    Whoever starts a failed task again may have mended it in exam-manager first.

    Parameters
    ----------
    tasks
        From `make_tasks`.
    """
    current = {task.task_id: task for task in tasks}
    for known in [execution.graph.tasks[task_id], *execution.graph.dag_tasks_behind(task_id)]:
        defined = current.get(known.task_id, known)
        if known.status.has_ended and known.orders != defined.orders:
            execution.put_task(known.evolve(**defined.orders), cause)


def _adopt(execution: Execution, task: Task, cause: Cause) -> None:
    execution.put_task(task, cause)
    if task.status is not TaskStatus.PENDING:
        states = (TaskStatus.PENDING, task.status)
        execution.record(f"task:{task.task_id}", "adopt", states, cause, task.reason)


def _has_ended(execution: Execution, known: Task, current: Task) -> bool:
    # Device-manager writes the end of a scan to exam-manager; where no DAG task waits for its data,
    # that is the end of the task.
    is_over = current.status is TaskStatus.COMPLETED
    is_told = not known.may_show_earlier
    return known.is_scanning and is_told and is_over and not execution.graph.has_followers(known)


def _is_untouched(task: Task) -> bool:
    return task.status is TaskStatus.PENDING and not task.is_mirror_due


def make_tasks(
    workflow: ExamWorkflow,
    policy: ExecutionPolicy,
    at: AwareDatetime,
    templates: Templates = NO_TEMPLATES,
) -> list[Task]:
    """Make our tasks of exam-manager's.

    Parameters
    ----------
    workflow
        The workflow, its tasks in any order.
    policy
        What somebody else has started must end within its type's time.
    at
        Now.
    templates
        What exam-manager has of the ids that tasks name and the workflow lacks.

    Returns
    -------
    list[Task]
        In the order of exam-manager's workflow.

    Raises
    ------
    InvalidInputError
        The workflow is too large, or tasks take data in a circle.
    """
    inputs = resolve_inputs(workflow, templates, is_simulated=not policy.has_orchestrator)
    definitions = {definition.id: definition for definition in workflow.tasks}
    followers: dict[str, list[ExamTask]] = {}
    for task_id, resolved in inputs.items():
        # Once it is known whose data a task takes, it may be anybody's.
        taken = inputs if resolved.problems else resolved.task_ids
        for input_id in () if definitions[task_id].type.is_device_task else taken:
            followers.setdefault(input_id, []).append(definitions[task_id])
    tasks: list[Task] = []
    for task_id, resolved in inputs.items():
        definition = definitions[task_id]
        status = _adopt_status(definition, followers.get(task_id, []))
        is_running = status is TaskStatus.IN_PROGRESS
        is_oversized = _count_bytes(definition) > MAX_ARGS_BYTES
        tasks.append(
            Task(
                workflow_id=workflow.id,
                task_id=definition.id,
                task_type=definition.type,
                args={} if is_oversized else _keep_args(definition),
                destinations={} if is_oversized else definition.destinations,
                is_oversized=is_oversized,
                input_task_ids=resolved.task_ids,
                input_problems=resolved.problems,
                status=status,
                progress=definition.progress,
                deadline=_deadline(definition.type, policy, at) if is_running else None,
                defined_at=_find_place(definition),
                updated_at=at,
                created_at=at,
                # The operator is to be told that it waits for its data.
                is_mirror_due=is_running and definition.status is ItemStatus.FINISHED,
                reason=_FAILED_BECAUSE.get(definition.status),
            )
        )
    return tasks


def _find_place(definition: ExamTask) -> str:
    if definition.position is None:
        return definition.datetime_created.isoformat()
    return f"{definition.position:010d} {definition.datetime_created.isoformat()}"


def _keep_args(definition: ExamTask) -> dict[str, str]:
    # Names of tasks are free text: what they mean is kept instead.
    return {name: value for name, value in definition.args.items() if name != INPUTS_ARG}


def _count_bytes(definition: ExamTask) -> int:
    pairs = [*definition.args.items(), *definition.destinations.items()]
    return sum(len(name.encode()) + len(value.encode()) for name, value in pairs)


def _deadline(task_type: TaskType, policy: ExecutionPolicy, at: AwareDatetime) -> AwareDatetime:
    return at + timedelta(seconds=policy.task_timeouts_s[task_type])


def _adopt_status(definition: ExamTask, followers: list[ExamTask]) -> TaskStatus:
    status = _FROM_EXAM_MANAGER[definition.status]
    waits_for_data = any(_FROM_EXAM_MANAGER[f.status] is TaskStatus.PENDING for f in followers)
    if status is TaskStatus.COMPLETED and definition.type.is_device_task and waits_for_data:
        # The scanner is done; the task is, when the data is here that the next one takes.
        return TaskStatus.IN_PROGRESS
    return status
