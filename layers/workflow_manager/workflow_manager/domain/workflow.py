"""A workflow that we carry out."""

from enum import StrEnum

from pydantic import AwareDatetime

from workflow_manager.domain.entity import Entity


class WorkflowStatus(StrEnum):
    """Where a workflow stands; UNKNOWN is what another version wrote, and is never written."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Workflow(Entity):
    """A workflow that was processed at least once.

    Attributes
    ----------
    auto_advance
        Whether DAG tasks start by themselves once their inputs are there.
    last_event_id
        Of its audit trail: the next line sorts behind it, whatever the clocks say.
    """

    workflow_id: str
    exam_id: str | None = None
    status: WorkflowStatus = WorkflowStatus.RUNNING
    auto_advance: bool = True
    last_event_id: str | None = None
    created_at: AwareDatetime
    updated_at: AwareDatetime

    @property
    def subject(self) -> str:
        """Whose audit trail its events belong to: its own."""
        return f"workflow:{self.workflow_id}"
