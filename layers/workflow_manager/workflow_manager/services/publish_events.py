"""Tell others of state changes."""

from collections.abc import Sequence

from workflow_manager.domain.entity import Event
from workflow_manager.domain.notification import make_notification
from workflow_manager.ports import EventBus


def publish_events(bus: EventBus, events: Sequence[Event]) -> int:
    """Publish new lines of the audit trail, in order and at least once; return how many it took."""
    return bus.publish([make_notification(event) for event in events])
