"""A task as clients see it."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, Field

from workflow_manager.domain.dag_run import SIMULATED_DAG_ID, DagRun
from workflow_manager.domain.data_lake import check_dag_id
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.exam import TaskType
from workflow_manager.domain.ids import is_id
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.domain.waiting import find_own_run, find_progress, find_waiting
from workflow_manager.settings import get_settings

_WORDS = {
    TaskType.DEVICE_TASK_SDK: "Scan",
    TaskType.DEVICE_TASK_SIMULATOR: "Scan",
    TaskType.RECONSTRUCTION_TASK: "Reconstruction",
    TaskType.PROCESSING_TASK: "Processing",
}


class WaitingView(BaseModel):
    """What a task waits for."""

    reason: str | None = Field(description="A sentence; null where it only waits for tasks.")
    task_ids: tuple[str, ...] = Field(description="Inputs of it that are not completed.")


class TaskView(BaseModel):
    """A task as clients see it."""

    task_id: str
    name: str | None = Field(
        default=None,
        description="Its kind and place in the workflow, as `Reconstruction 2`: names in "
        "exam-manager are free text, and are not kept. Null where the task is shown alone.",
    )
    task_type: TaskType
    status: TaskStatus
    progress: int = Field(description="0 to 100 [%]")
    attempt: int
    device_id: str | None = Field(default=None, description="The scanner of a scan.")
    dag_id: str | None = Field(default=None, description="The DAG of every other task.")
    input_task_ids: tuple[str, ...]
    inputs: tuple[str, ...] = Field(default=(), description="The same as `input_task_ids`.")
    waits_for: WaitingView | None = Field(
        default=None, description="What keeps it from going on; null: nothing but its start."
    )
    dag_run_id: str | None
    reason: str | None = Field(description="Why it failed.")
    created_at: datetime | None = Field(
        default=None, description="When it was taken over from exam-manager, if that is known."
    )
    started_at: datetime | None = Field(default=None, description="When this attempt began.")
    finished_at: datetime | None = Field(default=None, description="When this attempt ended.")
    deadline: datetime | None
    updated_at: datetime

    @classmethod
    def of(cls, task: Task) -> "TaskView":
        """Return the view of a task without its workflow."""
        return cls(
            **{name: getattr(task, name) for name in _SAME},
            device_id=_find_device(task),
            dag_id=_find_dag(task),
            inputs=task.input_task_ids,
            started_at=task.own_times.started_at,
            finished_at=task.own_times.finished_at,
        )


_SAME = TaskView.model_fields.keys() & Task.model_fields.keys()


def view_tasks(graph: TaskGraph, runs: Mapping[str, DagRun]) -> list[TaskView]:
    """Return the views of a workflow's tasks.

    Parameters
    ----------
    runs
        Those of `list_asked_runs`, by id; without them, nobody hears how far a run is, and why it
        waits.
    """
    shown: list[TaskView] = []
    n_by_word: dict[str, int] = {}
    for task in graph.tasks.values():
        word = _WORDS[task.task_type]
        n_by_word[word] = n_by_word.get(word, 0) + 1
        waiting = find_waiting(graph, task, runs)
        seen = {
            "progress": find_progress(task, find_own_run(task, runs)),
            "name": f"{word} {n_by_word[word]}",
            "waits_for": waiting and WaitingView.model_validate(waiting, from_attributes=True),
        }
        shown.append(TaskView.of(task).model_copy(update=seen))
    return shown


def _find_device(task: Task) -> str | None:
    device_id = task.args.get("device_id", "") if task.task_type.is_device_task else ""
    # Args are what somebody has typed.
    return device_id if is_id(device_id) else None


def _find_dag(task: Task) -> str | None:
    policy = get_settings().policy
    if task.task_type.is_device_task:
        return None
    if task.is_simulated or not policy.has_orchestrator:
        return SIMULATED_DAG_ID
    try:
        return check_dag_id(task.find_dag_id(policy))
    except InvalidInputError:
        return None
