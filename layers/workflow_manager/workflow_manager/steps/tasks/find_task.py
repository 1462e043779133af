"""Read one task of a workflow."""

from workflow_manager.domain.errors import NotFoundError
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import Task
from workflow_manager.ports import WorkflowStore


def find_task(store: WorkflowStore, workflow_id: str, task_id: str) -> tuple[Execution, Task]:
    """Return a task with its workflow.

    Raises
    ------
    NotFoundError
        There is no such task, or its workflow was never processed.
    """
    execution = find_execution(store, workflow_id)
    if (task := execution.graph.tasks.get(task_id)) is None:
        raise NotFoundError("The workflow has no such task.")
    return execution, task


def find_execution(store: WorkflowStore, workflow_id: str) -> Execution:
    """Return a workflow.

    Raises
    ------
    NotFoundError
        It was never processed.
    """
    if (execution := store.get_execution(workflow_id)) is None:
        raise NotFoundError("There is no such workflow, or it was never processed.")
    return execution
