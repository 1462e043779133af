"""The run of an attempt at a task."""

from datetime import timedelta

from workflow_manager.domain.dag_run import (
    FIRST_RETRY_S,
    SIMULATED_DAG_ID,
    DagRun,
    derive_study_instance_uid,
    task_dag_run_id,
)
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.policy import ExecutionPolicy
from workflow_manager.domain.task import Task
from workflow_manager.domain.task_graph import TaskGraph


def make_task_run(graph: TaskGraph, task: Task, policy: ExecutionPolicy, cause: Cause) -> DagRun:
    """Make the run of a DAG task that was just claimed.

    Raises
    ------
    InvalidInputError
        The task names no DAG or a time that is not allowed, or its inputs have no data.
    """
    is_simulated = task.is_simulated or not policy.has_orchestrator
    inputs = () if is_simulated else graph.input_data(task)
    exam_id = graph.workflow.exam_id
    return DagRun(
        dag_run_id=task_dag_run_id(task.task_id, task.attempt),
        dag_id=SIMULATED_DAG_ID if is_simulated else task.dag_id,
        bucket=policy.bucket,
        study_instance_uid=derive_study_instance_uid(exam_id) if exam_id else None,
        is_simulated=is_simulated,
        data=inputs[0] if inputs else None,
        inputs=inputs,
        attempt=task.attempt,
        timeout_s=task.timeout_s(policy),
        workflow_id=task.workflow_id,
        task_id=task.task_id,
        next_attempt_at=cause.at + timedelta(seconds=FIRST_RETRY_S),
        deadline=cause.at + timedelta(seconds=policy.dag_start_timeout_s),
        created_at=cause.at,
        traceparent=cause.traceparent,
    )
