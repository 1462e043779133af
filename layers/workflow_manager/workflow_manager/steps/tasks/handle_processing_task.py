"""Carry out a reconstruction or processing task."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import Task
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.workflows.commit_execution import commit_execution


def handle_processing_task(
    store: WorkflowStore,
    queue: MessageQueue,
    settings: Settings,
    execution: Execution,
    task: Task,
    cause: Cause,
) -> Task:
    """Claim a pending DAG task and create its run, which `trigger_airflow` starts.

    Raises
    ------
    VersionConflictError
        Another call claimed the task first.
    InvalidInputError
        The task names no DAG or has no data to work on; it is FAILED with that reason.
    """
    try:
        execution.claim_for_dag(task.task_id, settings.policy, cause)
    except InvalidInputError as error:
        execution.fail(task.task_id, error.detail, cause)
        commit_execution(store, queue, execution)
        raise
    commit_execution(store, queue, execution)
    return execution.graph.tasks[task.task_id]
