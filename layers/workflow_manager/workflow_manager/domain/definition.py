"""What exam-manager defines, and we take over as long as we have not started it."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.exam import ExamWorkflow
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.policy import ExecutionPolicy
from workflow_manager.domain.task import DELETED_REASON, Task, TaskStatus, define_tasks
from workflow_manager.domain.workflow import Workflow


def define_execution(definition: ExamWorkflow, policy: ExecutionPolicy, cause: Cause) -> Execution:
    """Make a new execution of exam-manager's definition.

    Parameters
    ----------
    definition
        The workflow with its tasks.
    policy
        How tasks are carried out.
    cause
        Who processes it.

    Returns
    -------
    Execution
        To be committed.
    """
    workflow = Workflow(
        workflow_id=definition.id,
        exam_id=definition.exam_id,
        created_at=cause.at,
        updated_at=cause.at,
    )
    execution = Execution(workflow=workflow, tasks={})
    execution.record(workflow.subject, "define", (None, workflow.status), cause)
    for task in define_tasks(definition, policy, cause.at):
        execution.adopt(task, cause)
    execution.follow_tasks(cause)
    return execution


def refresh_execution(
    execution: Execution, definition: ExamWorkflow, policy: ExecutionPolicy, cause: Cause
) -> None:
    """Take over what happened in exam-manager to tasks that we have not started.

    New tasks, edits, a scan started at the console, a deleted task, another exam. What we have
    started is ours, and so is a status that exam-manager has not been told of yet.

    Parameters
    ----------
    execution
        Our state; changed where exam-manager's differs.
    definition
        The workflow as exam-manager has it now.
    policy
        How tasks are carried out.
    cause
        Who asks.
    """
    current = define_tasks(definition, policy, cause.at)
    n_changes = len(execution.changes)
    # The patient, and with that the limits of the next scan, follow from the exam.
    has_moved = definition.exam_id != execution.workflow.exam_id
    execution.workflow = execution.workflow.evolve(exam_id=definition.exam_id)
    for task in current:
        known = execution.tasks.get(task.task_id)
        if known is None:
            execution.adopt(task, cause)
        elif _is_untouched(known) and known.definition != task.definition:
            execution.adopt(known.evolve(**task.definition), cause)
        elif known.status is TaskStatus.PENDING and known.orders != task.orders:
            # Only its status there is still our own of an earlier attempt.
            execution.put_task(known.evolve(**task.orders), cause)
        elif _has_ended(execution, known, task):
            execution.complete(known.task_id, None, cause)
    for gone in execution.tasks.keys() - {task.task_id for task in current}:
        if execution.tasks[gone].status is TaskStatus.PENDING:
            deleted = {
                "status": TaskStatus.FAILED,
                "reason": DELETED_REASON,
                "is_mirror_due": False,
            }
            execution.adopt(execution.tasks[gone].evolve(**deleted), cause)
    if has_moved or len(execution.changes) > n_changes:
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

    Parameters
    ----------
    execution
        Our state; changed where exam-manager's differs.
    definition
        The workflow as exam-manager has it now.
    task_id
        The task that is about to be started again.
    policy
        How tasks are carried out.
    cause
        Who wants it again.
    """
    current = {task.task_id: task for task in define_tasks(definition, policy, cause.at)}
    for known in [execution.tasks[task_id], *execution.dag_tasks_behind(task_id)]:
        defined = current.get(known.task_id, known)
        if known.status.has_ended and known.orders != defined.orders:
            execution.put_task(known.evolve(**defined.orders), cause)


def _has_ended(execution: Execution, known: Task, current: Task) -> bool:
    # Device-manager writes the end of a scan to exam-manager; where no DAG task waits for its data,
    # that is the end of the task.
    is_over = current.status is TaskStatus.COMPLETED
    is_told = not known.is_mirror_due
    return known.is_scanning and is_told and is_over and not execution.has_followers(known)


def _is_untouched(task: Task) -> bool:
    return task.status is TaskStatus.PENDING and not task.is_mirror_due
