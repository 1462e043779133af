"""Every legal move of a task, a DAG run and a workflow, in one place.

``docs/transitions.md`` is the picture of these tables (`make transitions`).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.entity import Cause, Event, record_event
from workflow_manager.domain.errors import InvalidTransitionError
from workflow_manager.domain.task import TaskStatus
from workflow_manager.domain.workflow import WorkflowStatus

StateT = TypeVar("StateT", bound=StrEnum)
EventT = TypeVar("EventT", bound=StrEnum)


class TaskEvent(StrEnum):
    """What can happen to a task."""

    CLAIM = "claim"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    RESET = "reset"


class DagRunEvent(StrEnum):
    """What can happen to a DAG run."""

    START = "start"
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"


class WorkflowEvent(StrEnum):
    """What can happen to a workflow: always because of its tasks."""

    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    RESUME = "resume"


TASK_TRANSITIONS: Mapping[tuple[TaskStatus, TaskEvent], TaskStatus] = {
    (TaskStatus.PENDING, TaskEvent.CLAIM): TaskStatus.IN_PROGRESS,
    # A scan started at the console: its data is the first that we hear of it.
    (TaskStatus.PENDING, TaskEvent.COMPLETE): TaskStatus.COMPLETED,
    (TaskStatus.PENDING, TaskEvent.CANCEL): TaskStatus.CANCELLED,
    (TaskStatus.IN_PROGRESS, TaskEvent.COMPLETE): TaskStatus.COMPLETED,
    (TaskStatus.IN_PROGRESS, TaskEvent.FAIL): TaskStatus.FAILED,
    (TaskStatus.IN_PROGRESS, TaskEvent.CANCEL): TaskStatus.CANCELLED,
    # A scan that ended without data is given some.
    (TaskStatus.COMPLETED, TaskEvent.COMPLETE): TaskStatus.COMPLETED,
    # A scan whose start was not confirmed did run; results came after the deadline.
    (TaskStatus.FAILED, TaskEvent.COMPLETE): TaskStatus.COMPLETED,
    # A retry: the task itself, once it ended, and whatever worked or works on its old data.
    (TaskStatus.IN_PROGRESS, TaskEvent.RESET): TaskStatus.PENDING,
    (TaskStatus.COMPLETED, TaskEvent.RESET): TaskStatus.PENDING,
    (TaskStatus.FAILED, TaskEvent.RESET): TaskStatus.PENDING,
    (TaskStatus.CANCELLED, TaskEvent.RESET): TaskStatus.PENDING,
}

DAG_RUN_TRANSITIONS: Mapping[tuple[DagRunState, DagRunEvent], DagRunState] = {
    (DagRunState.PENDING, DagRunEvent.START): DagRunState.RUNNING,
    # A quick DAG calls back before its start is marked.
    (DagRunState.PENDING, DagRunEvent.SUCCEED): DagRunState.SUCCEEDED,
    (DagRunState.PENDING, DagRunEvent.FAIL): DagRunState.FAILED,
    (DagRunState.PENDING, DagRunEvent.CANCEL): DagRunState.CANCELLED,
    (DagRunState.RUNNING, DagRunEvent.SUCCEED): DagRunState.SUCCEEDED,
    (DagRunState.RUNNING, DagRunEvent.FAIL): DagRunState.FAILED,
    (DagRunState.RUNNING, DagRunEvent.CANCEL): DagRunState.CANCELLED,
    # Overdue runs only, see `DagRun.is_overdue`.
    (DagRunState.FAILED, DagRunEvent.SUCCEED): DagRunState.SUCCEEDED,
}

WORKFLOW_TRANSITIONS: Mapping[tuple[WorkflowStatus, WorkflowEvent], WorkflowStatus] = {
    (WorkflowStatus.RUNNING, WorkflowEvent.COMPLETE): WorkflowStatus.COMPLETED,
    (WorkflowStatus.RUNNING, WorkflowEvent.FAIL): WorkflowStatus.FAILED,
    (WorkflowStatus.RUNNING, WorkflowEvent.CANCEL): WorkflowStatus.CANCELLED,
    # A retry, a rescan, a task that was added.
    (WorkflowStatus.COMPLETED, WorkflowEvent.RESUME): WorkflowStatus.RUNNING,
    (WorkflowStatus.FAILED, WorkflowEvent.RESUME): WorkflowStatus.RUNNING,
    (WorkflowStatus.CANCELLED, WorkflowEvent.RESUME): WorkflowStatus.RUNNING,
    # The last failed scan did run after all.
    (WorkflowStatus.FAILED, WorkflowEvent.COMPLETE): WorkflowStatus.COMPLETED,
    # One task failed and another was cancelled; one of the two is retried or cancelled now.
    (WorkflowStatus.FAILED, WorkflowEvent.CANCEL): WorkflowStatus.CANCELLED,
    (WorkflowStatus.CANCELLED, WorkflowEvent.FAIL): WorkflowStatus.FAILED,
}

# The event that leads a workflow to the status which its tasks demand.
WORKFLOW_EVENT_TO: Mapping[WorkflowStatus, WorkflowEvent] = {
    status: event for (_, event), status in WORKFLOW_TRANSITIONS.items()
}


def transition_task(status: TaskStatus, event: TaskEvent) -> TaskStatus:
    """Return the status that an event leads a task to.

    Raises
    ------
    InvalidTransitionError
        There is no such move.
    """
    return _look_up(TASK_TRANSITIONS, status, event)


def transition_dag_run(state: DagRunState, event: DagRunEvent) -> DagRunState:
    """Return the state that an event leads a DAG run to.

    Raises
    ------
    InvalidTransitionError
        There is no such move.
    """
    return _look_up(DAG_RUN_TRANSITIONS, state, event)


def transition_workflow(status: WorkflowStatus, event: WorkflowEvent) -> WorkflowStatus:
    """Return the status that an event leads a workflow to.

    Raises
    ------
    InvalidTransitionError
        There is no such move.
    """
    return _look_up(WORKFLOW_TRANSITIONS, status, event)


def move_run(
    run: DagRun, event: DagRunEvent, cause: Cause, **changes: object
) -> tuple[DagRun, Event]:
    """Move a run and make the line of the audit trail that says so.

    Parameters
    ----------
    run
        The run.
    event
        What happens to it.
    cause
        Who and when.
    **changes
        Fields that change with the state.

    Returns
    -------
    tuple[DagRun, Event]
        To be committed together.

    Raises
    ------
    InvalidTransitionError
        The run cannot make that move.
    """
    state = transition_dag_run(run.state, event)
    moved = run.evolve(state=state, **changes)
    entity = f"dag_run:{run.dag_run_id}"
    states = (run.state, state)
    line = record_event(run.subject, entity, event, states, cause, moved.reason, run.last_event_id)
    return moved.evolve(last_event_id=line.event_id), line


def _look_up(table: Mapping[tuple[StateT, EventT], StateT], state: StateT, event: EventT) -> StateT:
    try:
        return table[state, event]
    except KeyError:
        raise InvalidTransitionError(f"Cannot {event} what is {state}.") from None
