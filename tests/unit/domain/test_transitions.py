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
    DagRunMove,
    TaskMove,
    WorkflowMove,
    transition_dag_run,
    transition_task,
    transition_workflow,
)
from workflow_manager.domain.workflow import WorkflowStatus

MACHINES: list[tuple[Callable[..., StrEnum], Any, type[StrEnum], type[StrEnum]]] = [
    (transition_task, TASK_TRANSITIONS, TaskStatus, TaskMove),
    (transition_dag_run, DAG_RUN_TRANSITIONS, DagRunState, DagRunMove),
    (transition_workflow, WORKFLOW_TRANSITIONS, WorkflowStatus, WorkflowMove),
]
CASES = [
    pytest.param(transition, table, state, move, id=f"{transition.__name__}-{state}-{move}")
    for transition, table, states, moves in MACHINES
    for state, move in product(states, moves)
]


@pytest.mark.parametrize(("transition", "table", "state", "move"), CASES)
def test_transition_makes_the_moves_of_its_table_and_no_other(
    transition: Callable[..., StrEnum], table: Any, state: StrEnum, move: StrEnum
) -> None:
    if (state, move) in table:
        assert transition(state, move) is table[state, move]
    else:
        with pytest.raises(InvalidTransitionError, match=f"Cannot {move} what is {state}"):
            transition(state, move)


def test_every_move_of_a_workflow_leads_to_one_status_only() -> None:
    targets = {
        move: {s for (_, m), s in WORKFLOW_TRANSITIONS.items() if m is move}
        for move in WorkflowMove
    }
    assert all(len(statuses) == 1 for statuses in targets.values())


def test_picture_of_the_transitions_is_current() -> None:
    page = Path(__file__).parents[3] / "docs" / "transitions.md"
    assert page.read_text() == draw_document(), "make transitions"
