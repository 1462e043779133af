"""EventBridge as the bus of state changes."""

import json
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from workflow_manager.domain.errors import MissingPermissionError
from workflow_manager.domain.notification import Notification
from workflow_manager.observability import logger

EVENTBRIDGE_SOURCE = "scanhub.workflow-manager"
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
MAX_N_ENTRIES_PER_CALL = 10


class EventBridgeBus:
    """A bus of EventBridge, by its name or ARN."""

    def __init__(self, client: Any, bus_name: str) -> None:
        self._client = client
        self._bus_name = bus_name

    def publish(self, notifications: Sequence[Notification]) -> int:
        """Send notifications in order; return how many were taken before the first that was not."""
        n_taken = 0
        for start in range(0, len(notifications), MAX_N_ENTRIES_PER_CALL):
            batch = notifications[start : start + MAX_N_ENTRIES_PER_CALL]
            n_taken_now = self._put(batch)
            n_taken += n_taken_now
            if n_taken_now < len(batch):
                break
        return n_taken

    def _put(self, batch: Sequence[Notification]) -> int:
        try:
            answer = self._client.put_events(Entries=[self._entry(each) for each in batch])
        except MissingPermissionError:
            # The failure is logged; the stream sends again what follows those taken before.
            return 0
        except ClientError as error:
            return _count_taken([error.response["Error"]["Code"]])
        except BotoCoreError as error:
            return _count_taken([type(error).__name__])
        # A call that succeeds may still have refused some of its entries.
        return _count_taken([entry.get("ErrorCode") for entry in answer["Entries"]])

    def _entry(self, notification: Notification) -> dict[str, Any]:
        return {
            "EventBusName": self._bus_name,
            "Source": EVENTBRIDGE_SOURCE,
            "DetailType": notification.name,
            "Time": notification.time,
            "Detail": json.dumps(notification.to_cloud_event()),
        }


def _count_taken(error_codes: list[str | None]) -> int:
    for n_taken, code in enumerate(error_codes):
        if code:
            logger.error("event bus refused", extra={"error": code})
            return n_taken
    return len(error_codes)
