from collections.abc import Callable
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tools.transitions import draw_document
from workflow_manager.domain.dag_run import DagRunState
from workflow_manager.domain.errors import InvalidTransitionError
from workflow_manager.domain.task import TaskStatus
from workflow_manager.domain.transitions import (
    DAG_RUN_TRANSITIONS,
    TASK_TRANSITIONS,
    WORKFLOW_TRANSITIONS,
    DagRunEvent,
    TaskEvent,
    WorkflowEvent,
    transition_dag_run,
    transition_task,
    transition_workflow,
)
from workflow_manager.domain.workflow import WorkflowStatus

MACHINES: list[tuple[Callable[..., StrEnum], Any, type[StrEnum], type[StrEnum]]] = [
    (transition_task, TASK_TRANSITIONS, TaskStatus, TaskEvent),
    (transition_dag_run, DAG_RUN_TRANSITIONS, DagRunState, DagRunEvent),
    (transition_workflow, WORKFLOW_TRANSITIONS, WorkflowStatus, WorkflowEvent),
]
CASES = [
    pytest.param(move, table, state, event, id=f"{move.__name__}-{state}-{event}")
    for move, table, states, events in MACHINES
    for state, event in product(states, events)
]


@pytest.mark.parametrize(("move", "table", "state", "event"), CASES)
def test_transition_makes_the_moves_of_its_table_and_no_other(
    move: Callable[..., StrEnum], table: Any, state: StrEnum, event: StrEnum
) -> None:
    if (state, event) in table:
        assert move(state, event) is table[state, event]
    else:
        with pytest.raises(InvalidTransitionError, match=f"Cannot {event} what is {state}"):
            move(state, event)


def test_every_event_of_a_workflow_leads_to_one_status_only() -> None:
    targets = {
        event: {s for (_, e), s in WORKFLOW_TRANSITIONS.items() if e is event}
        for event in WorkflowEvent
    }
    assert all(len(statuses) == 1 for statuses in targets.values())


def test_picture_of_the_transitions_is_current() -> None:
    page = Path(__file__).parents[3] / "docs" / "transitions.md"
    assert page.read_text() == draw_document(), "make transitions"
