"""Our words in place of the API's: the command to type, and names by which tasks are told apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from scanhub_workflow.models import DagRunState, TaskStatus, TaskType, TaskView, WorkflowView

NAME = "scanhub-workflow"
SCANS = frozenset({TaskType.DEVICE_TASK_SDK, TaskType.DEVICE_TASK_SIMULATOR})
# Nothing that a shell would read otherwise.
_ID = r"([\w.:@+-]+)"
_COMMANDS = [
    (re.compile(pattern.replace("ID", _ID)), f"{NAME} {command}")
    for pattern, command in (
        (r"POST /workflows/ID/tasks/ID/(retry|cancel)/?", r"\3 \1 \2"),
        (r"POST /workflows/ID/(retry|cancel|validate)/?", r"\2 \1"),
        (r"POST /dag_runs/ID/(retry|cancel)/?", r"\2 --run \1"),
        (r"POST /trigger_task/ID/?", r"trigger \1"),
        (r"POST /process/ID/?", r"process \1"),
        (r"GET /workflows/ID/events/?", r"events \1"),
        (r"GET /dag_runs/ID/results/?", r"results \1"),
        (r"GET /workflows/ID/?", r"workflow \1"),
        (r"GET /dag_runs/ID/?", r"run \1"),
        (r"DELETE /uploads/ID/?", r"cancel --upload \1"),
        (r"POST /uploads/(?![\w])", r"upload FILE"),
        (r"GET /tasks/(?![\w])", r"tasks"),
    )
]
_SENTENCES = {
    "Invalid token.": "Your login has expired, or is not valid here.",
    "Not authenticated": "You are not logged in.",
}
_STATES = "|".join({*TaskStatus, *DagRunState})
_STATE = re.compile(rf"\b(is|are|was|were|not) ({_STATES})\b")
_TYPE = re.compile(rf"\b({'|'.join(TaskType)})\b")
_KINDS = {
    TaskType.DEVICE_TASK_SDK: "Scan",
    TaskType.DEVICE_TASK_SIMULATOR: "Scan",
    TaskType.RECONSTRUCTION_TASK: "Reconstruction",
    TaskType.PROCESSING_TASK: "Processing",
}


def reword(text: str) -> str:
    """Return a sentence of the API in the words of who types commands.

    Parameters
    ----------
    text
        A sentence; what it says to call becomes what to type.
    """
    for theirs, ours in _SENTENCES.items():
        text = text.replace(theirs, ours)
    for pattern, command in _COMMANDS:
        text = pattern.sub(command, text)
    text = _STATE.sub(lambda found: f"{found[1]} {read(found[2])}", text)
    return _TYPE.sub(lambda found: read(found[1]), text)


def tell(reason: str | None) -> str | None:
    """Return a reason in the words of who types commands, if there is one.

    Parameters
    ----------
    reason
        A sentence of the API, or of a DAG.
    """
    return reword(reason) if reason else None


def read(word: str) -> str:
    """Return a word of the API as people write it.

    Parameters
    ----------
    word
        In capitals, with underscores.
    """
    return word.replace("_", " ").lower()


def name_tasks(tasks: Sequence[TaskView]) -> dict[str, str]:
    """Return by id what each task of a workflow is called; no two have the same name.

    Parameters
    ----------
    tasks
        All of a workflow, in its order.
    """
    counts: Counter[str] = Counter()
    names: dict[str, str] = {}
    for task in tasks:
        kind = _KINDS[task.task_type]
        counts[kind] += 1
        # A server of before these fields tells neither.
        own = task.name or f"{kind} {counts[kind]}"
        place = task.dag_id or task.device_id
        names[task.task_id] = f"{own} ({place})" if place else own
    return names


def explain(task: TaskView, workflow: WorkflowView) -> str | None:
    """Return why a task has failed, or what it waits for.

    Parameters
    ----------
    task
        The task.
    workflow
        All of it.
    """
    if task.reason or task.status not in (TaskStatus.PENDING, TaskStatus.IN_PROGRESS):
        return tell(task.reason)
    if task.waits_for is not None and task.waits_for.reason:
        return tell(task.waits_for.reason)
    if task.status is TaskStatus.IN_PROGRESS:
        return None
    names = name_tasks(workflow.tasks)
    missing = [
        names[each.task_id]
        for each in workflow.tasks
        if each.task_id in task.input_task_ids and each.status is not TaskStatus.COMPLETED
    ]
    if missing:
        return f"Waits for {' and '.join(missing)}."
    is_manual = task.task_type in SCANS or not workflow.auto_advance
    return "Waits for an operator." if is_manual else None
