"""Read the runs that work for tasks."""

from collections.abc import Iterable

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.ports import WorkflowStore


def load_active_runs(store: WorkflowStore, tasks: Iterable[Task]) -> list[DagRun]:
    """Return the runs of tasks in progress that are not final."""
    found = (
        store.get_dag_run(task.dag_run_id)
        for task in tasks
        if task.dag_run_id and task.status is TaskStatus.IN_PROGRESS
    )
    return [run for run in found if run is not None and not run.state.is_final]
