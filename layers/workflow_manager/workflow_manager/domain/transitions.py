"""Every legal move of a task, a DAG run and a workflow, in one place."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.entity import Cause, Event, record_event
from workflow_manager.domain.errors import InvalidTransitionError
from workflow_manager.domain.task import TaskStatus

State = TypeVar("State")
Trigger = TypeVar("Trigger")


class TaskEvent(StrEnum):
    """What can happen to a task."""

    CLAIM = "claim"
    COMPLETE = "complete"
    FAIL = "fail"
    RESET = "reset"


class DagRunEvent(StrEnum):
    """What can happen to a DAG run."""

    START = "start"
    SUCCEED = "succeed"
    FAIL = "fail"


TASK_TRANSITIONS: Mapping[tuple[TaskStatus, TaskEvent], TaskStatus] = {
    (TaskStatus.PENDING, TaskEvent.CLAIM): TaskStatus.IN_PROGRESS,
    # A scan started at the console: its data is the first that we hear of it.
    (TaskStatus.PENDING, TaskEvent.COMPLETE): TaskStatus.COMPLETED,
    (TaskStatus.IN_PROGRESS, TaskEvent.COMPLETE): TaskStatus.COMPLETED,
    (TaskStatus.IN_PROGRESS, TaskEvent.FAIL): TaskStatus.FAILED,
    # A scan that ended without data is given some.
    (TaskStatus.COMPLETED, TaskEvent.COMPLETE): TaskStatus.COMPLETED,
    # A scan whose start was not confirmed did run; results came after the deadline.
    (TaskStatus.FAILED, TaskEvent.COMPLETE): TaskStatus.COMPLETED,
    # A rescan: the task itself, once it ended, and whatever worked or works on its old data.
    (TaskStatus.PENDING, TaskEvent.RESET): TaskStatus.PENDING,
    (TaskStatus.IN_PROGRESS, TaskEvent.RESET): TaskStatus.PENDING,
    (TaskStatus.COMPLETED, TaskEvent.RESET): TaskStatus.PENDING,
    (TaskStatus.FAILED, TaskEvent.RESET): TaskStatus.PENDING,
}

DAG_RUN_TRANSITIONS: Mapping[tuple[DagRunState, DagRunEvent], DagRunState] = {
    (DagRunState.PENDING, DagRunEvent.START): DagRunState.RUNNING,
    # A quick DAG calls back before its start is marked.
    (DagRunState.PENDING, DagRunEvent.SUCCEED): DagRunState.SUCCEEDED,
    (DagRunState.PENDING, DagRunEvent.FAIL): DagRunState.FAILED,
    (DagRunState.RUNNING, DagRunEvent.SUCCEED): DagRunState.SUCCEEDED,
    (DagRunState.RUNNING, DagRunEvent.FAIL): DagRunState.FAILED,
    # Overdue runs only, see `DagRun.is_overdue`.
    (DagRunState.FAILED, DagRunEvent.SUCCEED): DagRunState.SUCCEEDED,
}


def next_state(table: Mapping[tuple[State, Trigger], State], state: State, event: Trigger) -> State:
    """Return the state that an event leads to.

    Parameters
    ----------
    table
        The legal moves.
    state
        The present state.
    event
        What happens.

    Returns
    -------
    State
        The next state.

    Raises
    ------
    InvalidTransitionError
        The table has no such move.
    """
    try:
        return table[state, event]
    except KeyError:
        raise InvalidTransitionError(f"Cannot {event} what is {state}.") from None


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
    state = next_state(DAG_RUN_TRANSITIONS, run.state, event)
    moved = run.evolve(state=state, **changes)
    entity = f"dag_run:{run.dag_run_id}"
    return moved, record_event(run.subject, entity, event, (run.state, state), cause, moved.reason)
