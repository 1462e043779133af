"""Changes of state: exam-manager is told of tasks, and runs are stopped in Airflow."""

from typing import Any

from workflow_manager.entry import lambda_entry
from workflow_manager.events.cause import event_cause
from workflow_manager.events.sqs import Record, parse_change, process_messages
from workflow_manager.observability import begin_trace
from workflow_manager.services.follow_changes import follow_changes
from workflow_manager.wiring import with_ports

from aws_lambda_powertools.utilities.typing import LambdaContext


@lambda_entry(follow_changes)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Carry each change on once, as its items stand now."""
    begin_trace()
    follow = with_ports(follow_changes)

    def handle(record: Record) -> None:
        follow(parse_change(record), event_cause("follow_changes", context.aws_request_id))

    return process_messages(event, handle)
