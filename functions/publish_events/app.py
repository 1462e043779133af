"""The table's stream: lines of the audit trail go to the event bus."""

from typing import Any

from workflow_manager.entry import lambda_entry
from workflow_manager.events.dynamodb_stream import process_stream
from workflow_manager.observability import begin_trace
from workflow_manager.services.publish_events import publish_events
from workflow_manager.wiring import with_ports

from aws_lambda_powertools.utilities.typing import LambdaContext


@lambda_entry(publish_events)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Tell others of state changes; what was not taken comes back by itself."""
    begin_trace()
    return process_stream(event, with_ports(publish_events))
