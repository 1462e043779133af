"""Lists as clients see them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Event
from workflow_manager.domain.listing import Page, encode_cursor, place_of
from workflow_manager.domain.rejected_object import RejectedObject
from workflow_manager.domain.workflow import Workflow, WorkflowStatus
from workflow_manager.http.dag_run_schemas import DagRunView
from workflow_manager.http.schemas import EventView
from workflow_manager.http.task_schemas import TaskView, view_tasks
from workflow_manager.services.list_workflows import Board

# A function's answer may have 6 MB, and one run with many results, or workflow of many
# tasks, takes a good part of that.
MAX_LIST_SIZE_BYTES = 4 * 2**20

NextCursor = Annotated[
    str | None, Field(description="For the next page, as `cursor`; null at the end.")
]


class WorkflowSummary(BaseModel):
    """A workflow in a list."""

    workflow_id: str
    exam_id: str | None
    status: WorkflowStatus
    created_at: datetime
    updated_at: datetime
    tasks: list[TaskView] | None = Field(
        default=None, description="With `include=tasks` only; a scan's progress may lag a minute."
    )


def _summarize(workflow: Workflow) -> WorkflowSummary:
    named = WorkflowSummary.model_fields.keys() - {"tasks"}
    return WorkflowSummary(**{name: getattr(workflow, name) for name in named})


class WorkflowList(BaseModel):
    """A page of the workflows, newest first."""

    workflows: list[WorkflowSummary]
    next_cursor: NextCursor

    @classmethod
    def of(cls, page: Page[Workflow]) -> "WorkflowList":
        """Return the view of a page."""
        return cls(workflows=[_summarize(w) for w in page.items], next_cursor=page.next_cursor)

    @classmethod
    def of_board(cls, board: Board, next_cursor: str | None) -> "WorkflowList":
        """Return the view of a page with tasks, which ends early if it becomes too large."""
        shown: list[WorkflowSummary] = []
        size_bytes = 0
        for graph in board.graphs:
            tasks = view_tasks(graph, board.runs)
            view = _summarize(graph.workflow).model_copy(update={"tasks": tasks})
            size_bytes += len(view.model_dump_json().encode())
            if shown and size_bytes > MAX_LIST_SIZE_BYTES:
                before = board.graphs[len(shown) - 1].workflow
                return cls(workflows=shown, next_cursor=encode_cursor(place_of(before)))
            shown.append(view)
        return cls(workflows=shown, next_cursor=next_cursor)


class DagRunList(BaseModel):
    """A page of the runs, newest first."""

    dag_runs: list[DagRunView]
    next_cursor: NextCursor

    @classmethod
    def of(cls, page: Page[DagRun]) -> "DagRunList":
        """Return the view of a page, which ends early if it becomes too large."""
        shown: list[DagRunView] = []
        size_bytes = 0
        for index, run in enumerate(page.items):
            view = DagRunView.of(run)
            size_bytes += len(view.model_dump_json().encode())
            if shown and size_bytes > MAX_LIST_SIZE_BYTES:
                cursor = encode_cursor(place_of(page.items[index - 1]))
                return cls(dag_runs=shown, next_cursor=cursor)
            shown.append(view)
        return cls(dag_runs=shown, next_cursor=page.next_cursor)


class RejectedObjectView(BaseModel):
    """An object that came into the data lake and caused nothing."""

    rejected_object_id: str
    bucket: str
    key: str
    version_id: str | None
    size_bytes: int | None
    reason: str
    at: datetime


class RejectedObjectList(BaseModel):
    """A page of the rejected objects, newest first."""

    rejected_objects: list[RejectedObjectView]
    next_cursor: NextCursor

    @classmethod
    def of(cls, page: Page[RejectedObject]) -> "RejectedObjectList":
        """Return the view of a page."""
        shown = [RejectedObjectView.model_validate(o, from_attributes=True) for o in page.items]
        return cls(rejected_objects=shown, next_cursor=page.next_cursor)


class EventList(BaseModel):
    """A page of an audit trail, oldest first."""

    events: list[EventView]
    next_cursor: NextCursor

    @classmethod
    def of(cls, page: Page[Event]) -> "EventList":
        """Return the view of a page."""
        shown = [EventView.model_validate(event, from_attributes=True) for event in page.items]
        return cls(events=shown, next_cursor=page.next_cursor)
