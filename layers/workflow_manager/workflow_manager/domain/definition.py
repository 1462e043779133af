"""What exam-manager defines, and we take over as long as we have not started it."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.exam import ExamWorkflow
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.policy import ExecutionPolicy
from workflow_manager.domain.task import DELETED_REASON, Task, TaskStatus, make_tasks
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.domain.workflow import Workflow


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
