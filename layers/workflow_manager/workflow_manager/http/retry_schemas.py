"""The answer to a call that starts again what has failed of a workflow."""

from pydantic import BaseModel, Field

from workflow_manager.http.task_schemas import TaskView, view_tasks
from workflow_manager.services.retry_workflow import RetriedWorkflow


class NotStartedView(BaseModel):
    """A failed task that the call left as it was."""

    task_id: str
    reason: str = Field(description="Why it was not started, and what to do.")


class RetriedWorkflowView(BaseModel):
    """What a call that starts again what has failed of a workflow has done."""

    message: str = Field(description="What was started and what was not, for the operator.")
    workflow_id: str
    workflow_status: str
    started: tuple[str, ...] = Field(description="Ids of the tasks whose next attempt has begun.")
    not_started: list[NotStartedView]
    tasks: list[TaskView]

    @classmethod
    def of(cls, retried: RetriedWorkflow) -> "RetriedWorkflowView":
        """Return the view of a call."""
        graph = retried.execution.graph
        left = [
            NotStartedView(task_id=task_id, reason=reason)
            for task_id, reason in retried.not_started.items()
        ]
        return cls(
            message=_describe(len(retried.started), len(left)),
            workflow_id=graph.workflow.workflow_id,
            workflow_status=graph.workflow.status,
            started=retried.started,
            not_started=left,
            tasks=view_tasks(graph, {}),
        )


def _describe(n_started: int, n_left: int) -> str:
    if not n_started and not n_left:
        return "Nothing of the workflow has failed: nothing was started."
    said = f"{n_started} of the failed tasks {'was' if n_started == 1 else 'were'} started again."
    return f"{said} {n_left} not: each says why." if n_left else said
