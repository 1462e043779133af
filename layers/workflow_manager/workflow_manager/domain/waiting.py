"""What a task waits for that does not go on."""

from collections.abc import Mapping
from dataclasses import dataclass

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.task_graph import TaskGraph

NOT_CONFIRMED = "The scanner has not confirmed its start yet."
NO_DATA_YET = "The scanner is done, and its raw data has not arrived yet."


@dataclass(frozen=True)
class Waiting:
    """What a task waits for.

    Parameters
    ----------
    reason
        A sentence for the operator; None: only for the tasks.
    task_ids
        The tasks whose data it takes and that are not completed.
    """

    reason: str | None = None
    task_ids: tuple[str, ...] = ()


def find_waiting(graph: TaskGraph, task: Task, runs: Mapping[str, DagRun]) -> Waiting | None:
    """Return what a task waits for; None: nothing, or somebody who starts it.

    Parameters
    ----------
    runs
        Those of `list_asked_runs`, by id.
    """
    if task.status is TaskStatus.PENDING:
        missing = [each.task_id for each in graph.input_tasks(task) if not _is_done(each)]
        found = Waiting(" ".join(task.input_problems) or None, tuple(missing))
    else:
        found = Waiting(_explain(task, runs.get(task.dag_run_id or "")))
    return found if found != Waiting() else None


def find_own_run(task: Task, runs: Mapping[str, DagRun]) -> DagRun | None:
    """Return the run that works on a task."""
    is_at_work = task.status is TaskStatus.IN_PROGRESS
    return runs.get(task.dag_run_id or "") if is_at_work else None


def find_progress(task: Task, run: DagRun | None) -> int:
    """Return how far a task is [%], which its run tells as long as it works on it.

    Parameters
    ----------
    run
        The task's; None: there is none, or it was not read.
    """
    if run is None or task.status is not TaskStatus.IN_PROGRESS:
        return task.progress
    # The release before notes it with the task too.
    return max(task.progress, run.progress)


def list_asked_runs(graph: TaskGraph) -> list[str]:
    """Return the ids of the runs that work on a workflow's tasks."""
    tasks = (task for task in graph.tasks.values() if task.status is TaskStatus.IN_PROGRESS)
    return [task.dag_run_id for task in tasks if task.dag_run_id]


def _is_done(task: Task) -> bool:
    return task.status is TaskStatus.COMPLETED


def _explain(task: Task, run: DagRun | None) -> str | None:
    if task.is_scanning and task.start_lease_until is not None:
        return NOT_CONFIRMED
    if task.waits_for_data:
        return NO_DATA_YET
    return run.waits_because if run else None
