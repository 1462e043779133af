"""Draw the domain's state machines into docs/transitions.md, from their tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from workflow_manager.domain.dag_run import DagRunState
from workflow_manager.domain.task import TaskStatus
from workflow_manager.domain.transitions import (
    DAG_RUN_TRANSITIONS,
    TASK_TRANSITIONS,
    WORKFLOW_TRANSITIONS,
    MoveT,
    StateT,
)
from workflow_manager.domain.workflow import WorkflowStatus

TARGET = Path(__file__).parents[1] / "docs" / "transitions.md"
INTRODUCTION = """# What can happen to a task, a DAG run and a workflow

Drawn by `make transitions` from the tables in `domain/transitions.py`; a test compares the two. A
move that is not here raises `InvalidTransitionError` and changes nothing. The labels are moves, by
the names under which they stand in the audit trail.
"""
NOTES = {
    "Task": """A device task is claimed by an operator's call only. `reset` makes a task ready for
its next attempt: for a retry of its own, or of a task whose data it takes. A task that we have not
started takes over, beside these, what exam-manager says of it: `adopt`, from PENDING.""",
    "DAG run": """PENDING waits for Airflow. A run that failed for its deadline only may still be
given its results.""",
    "Workflow": """Its status follows from its tasks: running while one is in progress; else
cancelled or failed if one is; completed if all are.""",
}


def draw_document() -> str:
    """Return the page, with a Mermaid state diagram for each table."""
    parts = [
        INTRODUCTION,
        _draw("Task", TASK_TRANSITIONS, TaskStatus.PENDING),
        _draw("DAG run", DAG_RUN_TRANSITIONS, DagRunState.PENDING),
        _draw("Workflow", WORKFLOW_TRANSITIONS, WorkflowStatus.RUNNING),
    ]
    return "\n".join(parts)


def _draw(title: str, table: Mapping[tuple[StateT, MoveT], StateT], first: StateT) -> str:
    moves: dict[tuple[StateT, StateT], list[str]] = {}
    for (state, move), target in table.items():
        moves.setdefault((state, target), []).append(move)
    lines = [f"    {state} --> {target}: {', '.join(m)}" for (state, target), m in moves.items()]
    diagram = "\n".join(["stateDiagram-v2", f"    [*] --> {first}", *lines])
    return f"## {title}\n\n{NOTES[title]}\n\n```mermaid\n{diagram}\n```\n"


if __name__ == "__main__":
    TARGET.write_text(draw_document(), encoding="utf-8")
