"""A workflow that we carry out."""

from enum import StrEnum

from pydantic import AwareDatetime

from workflow_manager.domain.entity import Entity


class WorkflowStatus(StrEnum):
    """Where a workflow stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class Workflow(Entity):
    """A workflow that was processed at least once."""

    workflow_id: str
    exam_id: str | None = None
    status: WorkflowStatus = WorkflowStatus.RUNNING
    created_at: AwareDatetime
    updated_at: AwareDatetime
