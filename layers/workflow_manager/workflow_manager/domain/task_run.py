"""The run of an attempt at a task."""

from datetime import timedelta

from workflow_manager.domain.dag_run import (
    FIRST_RETRY_S,
    SIMULATED_DAG_ID,
    DagRun,
    InputTask,
    derive_study_instance_uid,
    make_series_number,
    task_dag_run_id,
)
from workflow_manager.domain.data_lake import dag_run_id_of
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.parameters import read_parameters
from workflow_manager.domain.policy import ExecutionPolicy
from workflow_manager.domain.task import Task
from workflow_manager.domain.task_graph import TaskGraph

# With its results, a run must fit into an item of 400 KB.
MAX_INPUTS_BYTES = 250_000


def make_task_run(graph: TaskGraph, task: Task, policy: ExecutionPolicy, cause: Cause) -> DagRun:
    """Make the run of a DAG task that was just claimed.

    Raises
    ------
    InvalidInputError
        The task names no DAG or a time or parameters that are not allowed, its inputs have no data,
        or it or they are more than can be kept.
    """
    task.check_size()
    is_simulated = task.is_simulated or not policy.has_orchestrator
    inputs = () if is_simulated else graph.input_data(task)
    input_tasks = () if is_simulated else _list_input_tasks(graph, task)
    kept = (*inputs, *input_tasks)
    if sum(len(each.model_dump_json().encode()) for each in kept) > MAX_INPUTS_BYTES:
        raise InvalidInputError(
            f"The task takes {len(inputs)} files whose names together are too long."
        )
    exam_id = graph.workflow.exam_id
    return DagRun(
        dag_run_id=task_dag_run_id(task.task_id, task.attempt),
        dag_id=SIMULATED_DAG_ID if is_simulated else task.find_dag_id(policy),
        bucket=policy.bucket,
        study_instance_uid=derive_study_instance_uid(exam_id) if exam_id else None,
        patient_pseudonym=graph.workflow.patient_pseudonym,
        study_at=graph.workflow.study_at,
        series_number=make_series_number(task.workflow_id, graph.place(task), task.attempt),
        is_simulated=is_simulated,
        data=inputs[0] if inputs else None,
        inputs=inputs,
        input_tasks=input_tasks,
        parameters={} if is_simulated else read_parameters(task.args),
        attempt=task.attempt,
        timeout_s=task.timeout_s(policy),
        workflow_id=task.workflow_id,
        task_id=task.task_id,
        next_attempt_at=cause.at + timedelta(seconds=FIRST_RETRY_S),
        deadline=cause.at + timedelta(seconds=policy.dag_start_timeout_s),
        created_at=cause.at,
        traceparent=cause.traceparent,
    )


def _list_input_tasks(graph: TaskGraph, task: Task) -> tuple[InputTask, ...]:
    return tuple(
        InputTask(
            task_id=each.task_id,
            type=each.task_type.value,
            dag_run_id=_find_producer(each),
            has_data=each.data is not None,
        )
        for each in graph.input_tasks(task)
    )


def _find_producer(task: Task) -> str | None:
    # The data of a task may be that of an attempt before its last one.
    return (dag_run_id_of(task.data.key) if task.data else None) or task.dag_run_id
