"""The answer to a dry run of a workflow."""

from pydantic import BaseModel, Field

from workflow_manager.domain.exam import TaskType
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.validate_workflow import PlannedTask, StartMode, ValidatedWorkflow


class PlannedTaskView(BaseModel):
    """A task in the order in which it could be carried out."""

    task_id: str
    task_type: TaskType
    status: TaskStatus
    input_task_ids: tuple[str, ...]
    start: StartMode | None = Field(
        description="What starts it: the next call of process, its inputs by themselves, or a "
        "later call of an operator; none if it is not pending."
    )
    problems: tuple[str, ...] = Field(description="What keeps it from starting.")

    @classmethod
    def of(cls, planned: PlannedTask) -> "PlannedTaskView":
        """Return the view of a planned task."""
        task = planned.task
        return cls(
            task_id=task.task_id,
            task_type=task.task_type,
            status=task.status,
            input_task_ids=task.input_task_ids,
            start=planned.start,
            problems=planned.problems,
        )


class ValidatedWorkflowView(BaseModel):
    """What processing a workflow would do; nothing has been changed."""

    workflow_id: str
    is_valid: bool = Field(description="Whether nothing is missing.")
    would_start: list[str] = Field(description="Ids of the tasks that process would start now.")
    problems: tuple[str, ...] = Field(description="What concerns the workflow as a whole.")
    tasks: list[PlannedTaskView]

    @classmethod
    def of(cls, validated: ValidatedWorkflow) -> "ValidatedWorkflowView":
        """Return the view of a dry run."""
        tasks = [PlannedTaskView.of(planned) for planned in validated.tasks]
        return cls(
            workflow_id=validated.workflow_id,
            is_valid=validated.is_valid,
            would_start=[task.task_id for task in tasks if task.start is StartMode.PROCESS],
            problems=validated.problems,
            tasks=tasks,
        )
