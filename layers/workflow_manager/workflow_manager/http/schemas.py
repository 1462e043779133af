"""What clients send and read, where it is not the domain's own model."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Event
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import Task
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.http.task_schemas import TaskView, view_tasks
from workflow_manager.ports import Dag, DagImportError

if TYPE_CHECKING:
    # Lists show workflows too, and need not load what starts a scan.
    from workflow_manager.services.process_workflow import ProcessedWorkflow


class EventView(BaseModel):
    """One line of the audit trail as clients see it."""

    event_id: str
    entity: str
    name: str
    from_state: str | None
    to_state: str
    reason: str | None
    actor: str
    at: datetime


class WorkflowView(BaseModel):
    """A workflow as clients see it."""

    workflow_id: str
    exam_id: str | None
    status: str = Field(
        description="pending (never processed), running, completed, failed or cancelled"
    )
    auto_advance: bool = Field(description="Whether DAG tasks start by themselves.")
    created_at: datetime
    updated_at: datetime
    tasks: list[TaskView]
    events: list[EventView] = Field(description="The newest changes, at most 100, oldest first.")
    events_url: str | None = Field(default=None, description="Where all changes are, page by page.")

    @classmethod
    def of(
        cls, graph: TaskGraph, runs: Mapping[str, DagRun], events: list[Event], url: str
    ) -> "WorkflowView":
        """Return the view of a workflow that is found at `url`.

        Parameters
        ----------
        runs
            Those of `list_asked_runs`, by id.
        """
        workflow = graph.workflow
        return cls(
            workflow_id=workflow.workflow_id,
            exam_id=workflow.exam_id,
            status=workflow.status if workflow.version else "pending",
            auto_advance=workflow.auto_advance,
            created_at=workflow.created_at,
            updated_at=workflow.updated_at,
            tasks=view_tasks(graph, runs),
            events=[EventView.model_validate(event, from_attributes=True) for event in events],
            events_url=f"{url}events/",
        )


class ProcessedWorkflowView(BaseModel):
    """What a call of ``/process/`` did; `message` is ScanHub's."""

    message: str = "Workflow processed successfully"
    workflow_id: str
    workflow_status: str = Field(description="running, completed, failed or cancelled")
    is_started: bool = Field(description="Whether this call started the task.")
    task: TaskView | None = Field(description="Started, or waited for; none if all are completed.")
    not_checked: tuple[str, ...] = Field(
        default=(), description="What no service has answered in the checks before a scan."
    )

    @classmethod
    def of(cls, processed: "ProcessedWorkflow") -> "ProcessedWorkflowView":
        """Return the view of a call."""
        workflow = processed.execution.graph.workflow
        return cls(
            workflow_id=workflow.workflow_id,
            workflow_status=workflow.status,
            is_started=processed.is_started,
            task=_view_task(processed.execution.graph, processed.task),
            not_checked=processed.not_checked,
        )


class CancelledTaskView(BaseModel):
    """What a call that cancels a task has done."""

    message: str = Field(description="What is stopped now and what is not, for the operator.")
    task: TaskView


class CancelledWorkflowView(BaseModel):
    """What a call that cancels a workflow has done."""

    message: str = Field(description="What is stopped now and what is not, for the operator.")
    workflow_id: str
    workflow_status: str
    tasks: list[TaskView]

    @classmethod
    def of(cls, execution: Execution, message: str) -> "CancelledWorkflowView":
        """Return the view of a cancelled workflow."""
        return cls(
            message=message,
            workflow_id=execution.graph.workflow.workflow_id,
            workflow_status=execution.graph.workflow.status,
            tasks=view_tasks(execution.graph, {}),
        )


class DagList(BaseModel):
    """The DAGs, as Airflow's own list begins, and what is missing from it."""

    dags: list[Dag]
    total_entries: int
    import_errors: tuple[DagImportError, ...] = Field(
        default=(),
        description="The newest 20 DAG files that Airflow cannot read.",
    )


class AvailableTasks(BaseModel):
    """What tasks can name, nested as ScanHub's clients read it."""

    tasks: DagList

    @classmethod
    def of(cls, dags: list[Dag], import_errors: list[DagImportError]) -> "AvailableTasks":
        """Return the list of DAGs."""
        listed = DagList(dags=dags, total_entries=len(dags), import_errors=tuple(import_errors))
        return cls(tasks=listed)


def _view_task(graph: TaskGraph, task: Task | None) -> TaskView | None:
    shown = view_tasks(graph.with_task(task), {}) if task else []
    return next((each for each in shown if task and each.task_id == task.task_id), None)
