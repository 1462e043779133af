"""List the objects that fit nothing."""

from workflow_manager.domain.listing import ListQuery, Page
from workflow_manager.domain.rejected_object import RejectedObject
from workflow_manager.ports import Ports


def list_rejected_objects(ports: Ports, query: ListQuery) -> Page[RejectedObject]:
    """Return a page of the objects that came into the data lake and caused nothing, newest first.

    Parameters
    ----------
    ports
        The outside world.
    query
        Which ones.
    """
    return ports.store.list_rejected_objects(query)
