"""What every `EventBus` must do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.contracts.samples import NOW, make_event
from workflow_manager.domain.notification import Notification, make_notification
from workflow_manager.ports import EventBus

ReadBus = Callable[[], list[dict[str, Any]]]


def make_notifications(n_notifications: int) -> list[Notification]:
    events = [make_event(at=NOW + timedelta(seconds=n)) for n in range(n_notifications)]
    return [make_notification(event) for event in events]


class EventBusContract:
    """Subclasses give fixtures `bus` (empty) and `read_bus` (CloudEvents that it took)."""

    def test_publish_nothing_takes_nothing(self, bus: EventBus, read_bus: ReadBus) -> None:
        assert bus.publish([]) == 0
        assert read_bus() == []

    def test_publish_takes_more_than_one_call_may_hold_in_order(
        self, bus: EventBus, read_bus: ReadBus
    ) -> None:
        notifications = make_notifications(23)
        assert bus.publish(notifications) == 23
        assert read_bus() == [each.to_cloud_event() for each in notifications]

    def test_publish_again_sends_the_same_id(self, bus: EventBus, read_bus: ReadBus) -> None:
        notifications = make_notifications(1)
        assert [bus.publish(notifications), bus.publish(notifications)] == [1, 1]
        assert [each["id"] for each in read_bus()] == [notifications[0].id] * 2
