"""What exam-manager defines, and we take over as long as we have not started it."""

from collections.abc import Iterator

from workflow_manager.domain.change_set import ChangeSet
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.exam import ExamWorkflow
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.policy import ExecutionPolicy
from workflow_manager.domain.task import DELETED_REASON, Task, TaskStatus, make_tasks
from workflow_manager.domain.task_graph import TaskGraph, order_by_inputs
from workflow_manager.domain.workflow import Workflow, WorkflowStatus

# Each with a line or two of the audit trail.
N_DEFINED_PER_COMMIT = 30


def make_execution(definition: ExamWorkflow, policy: ExecutionPolicy, cause: Cause) -> Execution:
    """Make a new execution of exam-manager's definition, to be committed."""
    workflow = Workflow(
        workflow_id=definition.id,
        exam_id=definition.exam_id,
        created_at=cause.at,
        updated_at=cause.at,
    )
    execution = Execution(TaskGraph(workflow, {}))
    execution.record(workflow.subject, "define", (None, workflow.status), cause)
    for task in make_tasks(definition, policy, cause.at):
        _adopt(execution, task, cause)
    execution.follow_tasks(cause)
    return execution


def refresh_execution(
    execution: Execution, definition: ExamWorkflow, policy: ExecutionPolicy, cause: Cause
) -> None:
    """Take over what happened in exam-manager to tasks that we have not started.

    New tasks, edits, a scan started at the console, a deleted task, another exam. What we have
    started is ours, and so is a status that exam-manager has not been told of yet. The execution
    comes as it was loaded.
    """
    current = make_tasks(definition, policy, cause.at)
    if execution.workflow.is_partial:
        execution.put_workflow(is_partial=False)
    # The patient, and with that the limits of the next scan, follow from the exam.
    if definition.exam_id != execution.workflow.exam_id:
        execution.put_workflow(exam_id=definition.exam_id)
    for task in current:
        known = execution.tasks.get(task.task_id)
        if known is None:
            _adopt(execution, task, cause)
        elif _is_untouched(known) and known.adopted_fields != task.adopted_fields:
            _adopt(execution, known.evolve(**task.adopted_fields), cause)
        elif known.status is TaskStatus.PENDING and known.orders != task.orders:
            # Only its status there is still our own of an earlier attempt.
            execution.put_task(known.evolve(**task.orders), cause)
        elif _has_ended(execution, known, task):
            execution.complete(known.task_id, None, cause)
    deleted = {"status": TaskStatus.FAILED, "reason": DELETED_REASON, "is_mirror_due": False}
    for gone in execution.tasks.keys() - {task.task_id for task in current}:
        if execution.tasks[gone].status is TaskStatus.PENDING:
            _adopt(execution, execution.tasks[gone].evolve(**deleted), cause)
    if execution.changes:
        status = execution.workflow.status
        execution.record(execution.workflow.subject, "refresh", (status, status), cause)
        execution.follow_tasks(cause)


def split(execution: Execution) -> Iterator[Execution]:
    """Yield what was taken over in parts, each to be committed behind the one before it.

    Inputs come before what takes their data, and the workflow's status follows with the last part;
    until then it is partial, and the next refresh takes over what is missing.
    """
    changes, workflow = execution.changes, execution.workflow
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
        yield Execution(TaskGraph(head, execution.tasks), part)
        lines, n = [], n + 1


def renew_orders(
    execution: Execution,
    definition: ExamWorkflow,
    task_id: str,
    policy: ExecutionPolicy,
    cause: Cause,
) -> None:
    """Take over for the next attempt how a task that has ended, and those behind it, are done now.

    Whoever starts a failed task again may have mended it in exam-manager first.
    """
    current = {task.task_id: task for task in make_tasks(definition, policy, cause.at)}
    for known in [execution.tasks[task_id], *execution.graph.dag_tasks_behind(task_id)]:
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
    is_told = not known.is_mirror_due
    return known.is_scanning and is_told and is_over and not execution.graph.has_followers(known)


def _is_untouched(task: Task) -> bool:
    return task.status is TaskStatus.PENDING and not task.is_mirror_due
