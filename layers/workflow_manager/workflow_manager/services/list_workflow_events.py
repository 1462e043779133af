"""List the audit trail of a workflow, page by page."""

from workflow_manager.domain.entity import Event
from workflow_manager.domain.listing import Page
from workflow_manager.domain.workflow import Workflow
from workflow_manager.ports import WorkflowStore


def list_workflow_events(
    store: WorkflowStore, workflow: Workflow, after: str | None, limit: int
) -> Page[Event]:
    """Return a page of the audit trail, oldest first; its cursor is the id of its last event."""
    # One more tells whether another page follows.
    events = store.list_events(workflow.subject, after, limit + 1)
    shown = events[:limit]
    return Page(shown, shown[-1].event_id if len(events) > limit else None)
