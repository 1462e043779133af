"""A workflow that we carry out."""

from datetime import datetime
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
    patient_pseudonym
        Of the exam's patient; None: not known yet, or there is no patient.
    study_at
        When the exam was made, naive server-local; None: not known yet.
    auto_advance
        Whether DAG tasks start by themselves once their inputs are there.
    last_event_id
        Of its audit trail: the next line sorts behind it, whatever the clocks say.
    is_partial
        Tasks that exam-manager has defined are still to be taken over: whoever did so broke off.
    remade_task_id
        A task that is being made ready for its next attempt: those behind it do not start yet.
    remade_until
        By then it is ready, or whoever was at it has broken off.
    """

    workflow_id: str
    exam_id: str | None = None
    patient_pseudonym: str | None = None
    study_at: datetime | None = None
    status: WorkflowStatus = WorkflowStatus.RUNNING
    auto_advance: bool = True
    last_event_id: str | None = None
    is_partial: bool = False
    remade_task_id: str | None = None
    remade_until: AwareDatetime | None = None
    created_at: AwareDatetime
    updated_at: AwareDatetime

    @property
    def moved_at(self) -> AwareDatetime | None:
        """When a task of it last began or ended; None if it does not go on."""
        return self.updated_at if self.status is WorkflowStatus.RUNNING else None

    @property
    def subject(self) -> str:
        """Whose audit trail its events belong to: its own."""
        return f"workflow:{self.workflow_id}"
