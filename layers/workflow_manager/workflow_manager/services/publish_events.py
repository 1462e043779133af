"""Tell others of state changes."""

from collections.abc import Sequence

from workflow_manager.domain.entity import Event
from workflow_manager.domain.notification import make_notification
from workflow_manager.ports import EventBus


def publish_events(bus: EventBus, events: Sequence[Event]) -> int:
    """Publish lines of the audit trail, in order and at least once.

    Parameters
    ----------
    events
        New lines, as they were written.

    Returns
    -------
    int
        How many were taken before the first that was not.
    """
    return bus.publish([make_notification(event) for event in events])
