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
MoveT = TypeVar("MoveT", bound=StrEnum)


class TaskMove(StrEnum):
    """What can happen to a task."""

    CLAIM = "claim"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    RESET = "reset"


class DagRunMove(StrEnum):
    """What can happen to a DAG run."""

    START = "start"
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"


class WorkflowMove(StrEnum):
    """What can happen to a workflow: always because of its tasks."""

    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    RESUME = "resume"


TASK_TRANSITIONS: Mapping[tuple[TaskStatus, TaskMove], TaskStatus] = {
    (TaskStatus.PENDING, TaskMove.CLAIM): TaskStatus.IN_PROGRESS,
    # A scan that was started at the console: we first hear of it when its data comes.
    (TaskStatus.PENDING, TaskMove.COMPLETE): TaskStatus.COMPLETED,
    (TaskStatus.PENDING, TaskMove.CANCEL): TaskStatus.CANCELLED,
    (TaskStatus.IN_PROGRESS, TaskMove.COMPLETE): TaskStatus.COMPLETED,
    (TaskStatus.IN_PROGRESS, TaskMove.FAIL): TaskStatus.FAILED,
    (TaskStatus.IN_PROGRESS, TaskMove.CANCEL): TaskStatus.CANCELLED,
    # A scan that ended without data gets data now.
    (TaskStatus.COMPLETED, TaskMove.COMPLETE): TaskStatus.COMPLETED,
    # The scan ran although its start was not confirmed, or results came after the deadline.
    (TaskStatus.FAILED, TaskMove.COMPLETE): TaskStatus.COMPLETED,
    # A retry of the task itself, or of a task whose data it has worked on.
    (TaskStatus.IN_PROGRESS, TaskMove.RESET): TaskStatus.PENDING,
    (TaskStatus.COMPLETED, TaskMove.RESET): TaskStatus.PENDING,
    (TaskStatus.FAILED, TaskMove.RESET): TaskStatus.PENDING,
    (TaskStatus.CANCELLED, TaskMove.RESET): TaskStatus.PENDING,
}

DAG_RUN_TRANSITIONS: Mapping[tuple[DagRunState, DagRunMove], DagRunState] = {
    (DagRunState.PENDING, DagRunMove.START): DagRunState.RUNNING,
    # A quick DAG calls back before its start is marked.
    (DagRunState.PENDING, DagRunMove.SUCCEED): DagRunState.SUCCEEDED,
    (DagRunState.PENDING, DagRunMove.FAIL): DagRunState.FAILED,
    (DagRunState.PENDING, DagRunMove.CANCEL): DagRunState.CANCELLED,
    (DagRunState.RUNNING, DagRunMove.SUCCEED): DagRunState.SUCCEEDED,
    (DagRunState.RUNNING, DagRunMove.FAIL): DagRunState.FAILED,
    (DagRunState.RUNNING, DagRunMove.CANCEL): DagRunState.CANCELLED,
    # Overdue runs only, see `DagRun.is_overdue`.
    (DagRunState.FAILED, DagRunMove.SUCCEED): DagRunState.SUCCEEDED,
}

WORKFLOW_TRANSITIONS: Mapping[tuple[WorkflowStatus, WorkflowMove], WorkflowStatus] = {
    (WorkflowStatus.RUNNING, WorkflowMove.COMPLETE): WorkflowStatus.COMPLETED,
    (WorkflowStatus.RUNNING, WorkflowMove.FAIL): WorkflowStatus.FAILED,
    (WorkflowStatus.RUNNING, WorkflowMove.CANCEL): WorkflowStatus.CANCELLED,
    # A retry, a rescan, or a new task.
    (WorkflowStatus.COMPLETED, WorkflowMove.RESUME): WorkflowStatus.RUNNING,
    (WorkflowStatus.FAILED, WorkflowMove.RESUME): WorkflowStatus.RUNNING,
    (WorkflowStatus.CANCELLED, WorkflowMove.RESUME): WorkflowStatus.RUNNING,
    # The last scan that had failed has run after all.
    (WorkflowStatus.FAILED, WorkflowMove.COMPLETE): WorkflowStatus.COMPLETED,
    # One task failed and another was cancelled; one of the two is retried or cancelled now.
    (WorkflowStatus.FAILED, WorkflowMove.CANCEL): WorkflowStatus.CANCELLED,
    (WorkflowStatus.CANCELLED, WorkflowMove.FAIL): WorkflowStatus.FAILED,
}

# The move that leads a workflow to the status which its tasks demand.
WORKFLOW_MOVE_TO: Mapping[WorkflowStatus, WorkflowMove] = {
    status: move for (_, move), status in WORKFLOW_TRANSITIONS.items()
}


def transition_task(status: TaskStatus, move: TaskMove) -> TaskStatus:
    """Return the status that a move leads a task to, or raise `InvalidTransitionError`."""
    return _look_up(TASK_TRANSITIONS, status, move)


def transition_dag_run(state: DagRunState, move: DagRunMove) -> DagRunState:
    """Return the state that a move leads a DAG run to, or raise `InvalidTransitionError`."""
    return _look_up(DAG_RUN_TRANSITIONS, state, move)


def transition_workflow(status: WorkflowStatus, move: WorkflowMove) -> WorkflowStatus:
    """Return the status that a move leads a workflow to, or raise `InvalidTransitionError`."""
    return _look_up(WORKFLOW_TRANSITIONS, status, move)


def move_run(
    run: DagRun, move: DagRunMove, cause: Cause, **changes: object
) -> tuple[DagRun, Event]:
    """Move a run; return it with the line of the audit trail, to be committed together.

    Raises
    ------
    InvalidTransitionError
        The run cannot make that move.
    """
    state = transition_dag_run(run.state, move)
    moved = run.evolve(state=state, **changes)
    entity = f"dag_run:{run.dag_run_id}"
    states = (run.state, state)
    line = record_event(run.subject, entity, move, states, cause, moved.reason, run.last_event_id)
    return moved.evolve(last_event_id=line.event_id), line


def _look_up(table: Mapping[tuple[StateT, MoveT], StateT], state: StateT, move: MoveT) -> StateT:
    try:
        return table[state, move]
    except KeyError:
        raise InvalidTransitionError(f"Cannot {move} what is {state}.") from None
