"""The cause of what an event function does: the function itself."""

from datetime import UTC, datetime

from workflow_manager.domain.entity import Cause


def event_cause(function: str, request_id: str) -> Cause:
    """Return the cause of what an event function does, by Lambda's id of the invocation."""
    return Cause(actor=function, request_id=request_id, at=datetime.now(UTC))
