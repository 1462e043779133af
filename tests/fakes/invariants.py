"""What must be true of the state at any time, whatever went wrong."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from tests.fakes.store import MemoryStore
from workflow_manager.domain.dag_run import DagRun, DagRunState, object_dag_run_id
from workflow_manager.domain.entity import Entity, Event
from workflow_manager.domain.exam import ExamTask, ItemStatus
from workflow_manager.domain.operator_comment import put_word
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.domain.transitions import (
    DAG_RUN_TRANSITIONS,
    TASK_TRANSITIONS,
    WORKFLOW_TRANSITIONS,
)
from workflow_manager.domain.workflow import Workflow
from workflow_manager.http.dag_run_schemas import DagRunView
from workflow_manager.http.task_schemas import view_tasks
from workflow_manager.stores.items import decode, order_tasks

MOVES: dict[str, dict[tuple[str, str], str]] = {
    "task": {(str(a), str(e)): str(b) for (a, e), b in TASK_TRANSITIONS.items()},
    "dag_run": {(str(a), str(e)): str(b) for (a, e), b in DAG_RUN_TRANSITIONS.items()},
    "workflow": {(str(a), str(e)): str(b) for (a, e), b in WORKFLOW_TRANSITIONS.items()},
}
FIRST_LINES = {"create", "define", "adopt"}
_AT_WORK_OR_DONE = (TaskStatus.IN_PROGRESS, TaskStatus.COMPLETED)
# What exam-manager says of a task that we have not started is taken over as it is.
ADOPTION = "adopt"


@dataclass(frozen=True)
class State:
    """All that the table holds."""

    entities: Mapping[object, Entity]
    events: Iterable[Event]

    @property
    def workflows(self) -> list[Workflow]:
        return [each for each in self.entities.values() if isinstance(each, Workflow)]

    @property
    def tasks(self) -> list[Task]:
        return [each for each in self.entities.values() if isinstance(each, Task)]

    @property
    def runs(self) -> list[DagRun]:
        return [each for each in self.entities.values() if isinstance(each, DagRun)]


def read_memory(store: MemoryStore) -> State:
    """Return what a store in memory holds."""
    return State(dict(store._entities), list(store._events.values()))


def read_table(client: Any, table_name: str) -> State:
    """Return what a table of DynamoDB holds."""
    pages = client.get_paginator("scan").paginate(TableName=table_name, ConsistentRead=True)
    found = [item for page in pages for item in page["Items"]]
    kinds: dict[str, type[Entity]] = {"WORKFLOW": Workflow, "TASK": Task, "DAGRUN": DagRun}
    entities: dict[object, Entity] = {}
    events = []
    for item in found:
        kind = item["SK"]["S"].partition("#")[0]
        if kind == "EVENT":
            events.append(decode(Event, item))
        elif kind in kinds:
            entities[item["PK"]["S"], item["SK"]["S"]] = decode(kinds[kind], item)
    return State(entities, events)


def check_versions(known: dict[Any, Any], state: State) -> None:
    """A version of a workflow stands for all that is shown of it, of its runs and its trail.

    Parameters
    ----------
    known
        What each version stood for when it was seen first.
    """
    for workflow in state.workflows:
        workflow_id, subject = workflow.workflow_id, workflow.subject
        tasks = order_tasks(each for each in state.tasks if each.workflow_id == workflow_id)
        runs = {each.dag_run_id: each for each in state.runs if each.workflow_id == workflow_id}
        views = view_tasks(TaskGraph(workflow, tasks), runs)
        trail = sorted(each.event_id for each in state.events if each.subject == subject)
        shown = [*views, *(DagRunView.of(run) for run in runs.values()), trail]
        key = workflow_id, workflow.version, workflow.created_at
        assert known.setdefault(key, shown) == shown, f"{key} hides a change"


def check_state(state: State) -> None:
    """Check what the table alone can tell."""
    check_trail(state)
    check_runs(state)
    check_rescans(state)


def check_trail(state: State) -> None:
    """The audit trail, in its order, leads every entity to where it stands, by legal moves."""
    ordered = sorted(state.events, key=lambda event: (event.entity, event.event_id))
    ends: dict[str, str] = {}
    for entity, lines in groupby(ordered, key=lambda event: event.entity):
        # A task is defined as pending, without a line of its own.
        stands: str | None = "PENDING" if entity.startswith("task:") else None
        for line in lines:
            assert line.from_state == stands, f"{entity}: {line} follows {stands}"
            _check_line(entity.partition(":")[0], line)
            stands = line.to_state
        ends[entity] = stands or ""
    for entity, status in _standings(state).items():
        assert ends.pop(entity, "PENDING" if entity.startswith("task:") else None) == status, entity
    assert not ends


def _check_line(kind: str, line: Event) -> None:
    if line.from_state is None:
        assert line.name in FIRST_LINES, line
    elif (line.from_state, line.name) in MOVES[kind]:
        assert MOVES[kind][line.from_state, line.name] == line.to_state, line
    elif line.name == ADOPTION:
        assert line.from_state == TaskStatus.PENDING, line
    else:
        assert line.from_state == line.to_state, line


def _standings(state: State) -> dict[str, str]:
    return {
        **{f"workflow:{each.workflow_id}": str(each.status) for each in state.workflows},
        **{f"task:{each.task_id}": str(each.status) for each in state.tasks},
        **{f"dag_run:{each.dag_run_id}": str(each.state) for each in state.runs},
    }


def check_runs(state: State) -> None:
    """One run for an attempt or an object version; a task and its run end together."""
    causes = [_cause(run) for run in state.runs]
    assert len(set(causes)) == len(causes), causes
    runs = {run.dag_run_id: run for run in state.runs}
    for task in state.tasks:
        run = runs.get(task.dag_run_id or "")
        if run is None:
            assert task.dag_run_id is None, task
            continue
        assert (run.task_id, run.attempt) == (task.task_id, task.attempt)
        assert (task.status is TaskStatus.IN_PROGRESS) == (not run.state.is_final), (task, run)
        if task.status is TaskStatus.CANCELLED:
            assert run.state is not DagRunState.SUCCEEDED, run


def check_rescans(state: State) -> None:
    """What works on a scan's data works on its newest, and is not taken away before that is here.

    A task that takes the data of scans alone is made anew for new data, or because it was named
    itself, and then begins in the same moment.
    """
    tasks = {task.task_id: task for task in state.tasks}
    runs = {run.dag_run_id: run for run in state.runs}
    for task in state.tasks:
        inputs = [tasks[each] for each in task.input_task_ids if each in tasks]
        if task.task_type.is_device_task or not all(i.task_type.is_device_task for i in inputs):
            continue
        run = runs.get(task.dag_run_id or "")
        if run and not run.is_simulated and task.status in _AT_WORK_OR_DONE:
            done = [i.data for i in inputs if i.status is TaskStatus.COMPLETED and i.data]
            assert set(done) <= set(run.inputs), (task, run)
        lines = [line for line in state.events if line.entity == f"task:{task.task_id}"]
        lines.sort(key=lambda line: line.event_id)
        for n, line in enumerate(lines):
            if (line.name, line.from_state, line.actor) == ("reset", "COMPLETED", "operator"):
                assert [behind.name for behind in lines[n + 1 : n + 2]] == ["claim"], lines


def _cause(run: DagRun) -> tuple[object, ...]:
    if run.task_id is None and run.data is not None:
        return run.data.bucket, run.data.key, run.data.version_id, run.attempt
    return run.task_id, run.attempt


def check_orchestrator(state: State, dag_runs: Iterable[tuple[str, str]]) -> None:
    """Airflow has no run but ours, and no two for one cause."""
    runs = {run.dag_run_id: run for run in state.runs}
    in_airflow = [dag_run_id for _, dag_run_id in dag_runs]
    assert len(set(in_airflow)) == len(in_airflow)
    assert set(in_airflow) <= set(runs)
    causes = [_cause(runs[dag_run_id]) for dag_run_id in in_airflow]
    assert len(set(causes)) == len(causes)


def check_comments(typed: Mapping[str, str], comments: Mapping[str, str | None]) -> None:
    """Whatever an operator has typed into a comment is there."""
    for task_id, letters in typed.items():
        assert set(letters) <= set(comments[task_id] or ""), task_id


def check_words(state: State, comments: Mapping[str, str | None], refused: Collection[str]) -> None:
    """Once all is told, a task that waits or is completed has a line of ours for a refusal only."""
    for task in state.tasks:
        comment = comments.get(task.task_id)
        if task.status in (TaskStatus.PENDING, TaskStatus.COMPLETED):
            own = put_word(comment, None)
            known = {own, *(put_word(each, word) for word in refused for each in (own, None))}
            # Somebody may have typed before our line since it was written.
            assert _untype(comment) in map(_untype, known), task


def _untype(comment: str | None) -> str | None:
    return comment and re.sub("[\u4e00-\u9fff]", "", comment)


def check_devices(state: State, exam_tasks: Mapping[str, ExamTask]) -> None:
    """A device has one scan of ours in progress, unless those before it are over there."""
    held: dict[str, list[str]] = {}
    for task in state.tasks:
        is_ours = task.attempt > 0 and task.status is TaskStatus.IN_PROGRESS
        if task.task_type.is_device_task and is_ours:
            held.setdefault(task.args["device_id"], []).append(task.task_id)
    for task_ids in held.values():
        over = [each for each in task_ids if exam_tasks[each].status is ItemStatus.FINISHED]
        assert len(task_ids) - len(over) <= 1, task_ids


def check_growth(before: Mapping[Any, Entity], after: Mapping[Any, Entity]) -> None:
    """Versions only grow, nothing vanishes, what succeeded or was cancelled stays so."""
    for key, entity in before.items():
        assert after[key].version >= entity.version, key
        if isinstance(entity, DagRun) and entity.state.is_final:
            now = after[key]
            assert isinstance(now, DagRun)
            is_late_result = entity.is_overdue and now.state is DagRunState.SUCCEEDED
            assert now.state is entity.state or is_late_result, (entity, now)


def is_kept(state: State, data_id: str) -> bool:
    """Tell whether an object is a task's data, has a run, or stands in the audit trail."""
    if any(task.data and object_dag_run_id(task.data) == data_id for task in state.tasks):
        return True
    if any(run.dag_run_id == data_id for run in state.runs):
        return True
    return any(data_id in (event.reason or "") for event in state.events)
