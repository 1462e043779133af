"""Start everything again of a workflow that has failed, but scans."""

import time
from dataclasses import dataclass, field
from datetime import datetime

from workflow_manager.domain.entity import UNREADABLE, Cause
from workflow_manager.domain.errors import ConflictError, InvalidInputError, UpstreamError
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.task_graph import TaskGraph, order_by_inputs
from workflow_manager.ports import Clock, ExamClient, MessageQueue, ScanClient, WorkflowStore
from workflow_manager.services.trigger_task import trigger_task
from workflow_manager.settings import Settings
from workflow_manager.steps.tasks.find_repeated import REPEATED_WITHIN
from workflow_manager.steps.tasks.find_task import find_execution

# Each start asks exam-manager, and API Gateway waits for 29 s.
BEGINS_WITHIN_S = 15.0
START_IT_YOURSELF = "A scan is never started again by this call: start it yourself."
BEHIND = "It takes the data of {task_id}, which has failed too: it follows that one."
JUST_FAILED = "It was begun a moment ago and has failed again: look at its reason first."
FAILED_LATER = "It failed after the time that the call names: look at its reason first."
NO_TIME = "There was no time left to start it: send the call again."


@dataclass(frozen=True)
class RetriedWorkflow:
    """What a call has done.

    Parameters
    ----------
    execution
        The workflow afterwards.
    started
        Ids of the tasks whose next attempt it began.
    not_started
        Why not, by id of a task that has failed.
    """

    execution: Execution
    started: tuple[str, ...] = ()
    not_started: dict[str, str] = field(default_factory=dict)


def retry_workflow(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    scan: ScanClient,
    clock: Clock,
    settings: Settings,
    workflow_id: str,
    token: str,
    cause: Cause,
    failed_by: datetime | None = None,
) -> RetriedWorkflow:
    """Start the next attempt at each DAG task that has failed; scans are left to a person.

    What was completed and does not take the data of one that has failed is kept.

    Parameters
    ----------
    failed_by
        Only what had failed by then is started, however often the call is sent.

    Raises
    ------
    NotFoundError
        There is no such workflow, or it was never processed.
    UpstreamError
        Exam-manager or patient-manager failed before anything was started.
    """
    ends_at_s = time.monotonic() + BEGINS_WITHIN_S
    graph = find_execution(store, workflow_id).graph
    started: list[str] = []
    left = _list_left(graph, cause, failed_by)
    for task in _list_failed(graph):
        if task.task_id in left:
            continue
        if time.monotonic() > ends_at_s:
            left[task.task_id] = NO_TIME
            continue
        known = task.task_id, token, cause, task.attempt, task
        try:
            trigger_task(store, queue, exam, scan, clock, settings, *known)
        except (ConflictError, InvalidInputError) as error:
            left[task.task_id] = error.detail
        except UpstreamError as error:
            if not started:
                raise
            left[task.task_id] = error.detail
        else:
            started.append(task.task_id)
    return RetriedWorkflow(find_execution(store, workflow_id), tuple(started), left)


def _list_failed(graph: TaskGraph) -> list[Task]:
    failed = (task for task in graph.tasks.values() if task.status is TaskStatus.FAILED)
    return order_by_inputs([task for task in failed if not task.is_deleted])


def _list_left(graph: TaskGraph, cause: Cause, failed_by: datetime | None) -> dict[str, str]:
    left = {
        task.task_id: UNREADABLE
        for task in graph.tasks.values()
        if task.status is TaskStatus.UNKNOWN
    }
    for task in _list_failed(graph):
        if reason := _explain(task, cause, failed_by):
            left[task.task_id] = reason
    for task in _list_failed(graph):
        if task.task_type.is_device_task or task.task_id in left:
            continue
        for behind in graph.dag_tasks_behind(task.task_id):
            if behind.status is TaskStatus.FAILED and not behind.is_deleted:
                left[behind.task_id] = BEHIND.format(task_id=task.task_id)
    return left


def _explain(task: Task, cause: Cause, failed_by: datetime | None) -> str | None:
    if task.task_type.is_device_task:
        return START_IT_YOURSELF
    failed_at = task.own_times.finished_at or task.updated_at
    if failed_by is not None and failed_at > failed_by:
        return FAILED_LATER
    # No retry has begun a first attempt.
    begun_at = task.own_times.started_at if task.attempt > 1 and failed_by is None else None
    return JUST_FAILED if begun_at and cause.at - begun_at < REPEATED_WITHIN else None
