"""List the workflows that were processed."""

from workflow_manager.domain.listing import ListQuery, Page
from workflow_manager.domain.workflow import Workflow
from workflow_manager.ports import Ports


def list_workflows(ports: Ports, query: ListQuery) -> Page[Workflow]:
    """Return a page of the workflows, newest first.

    Parameters
    ----------
    ports
        The outside world.
    query
        Which ones.
    """
    return ports.store.list_workflows(query)
