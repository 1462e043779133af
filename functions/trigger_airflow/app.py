"""Messages of the queue: objects that came, runs that wait."""

from typing import Any

from workflow_manager.entry import lambda_entry
from workflow_manager.events.cause import event_cause
from workflow_manager.events.sqs import Record, parse_body, process_messages
from workflow_manager.observability import begin_trace
from workflow_manager.services.trigger_airflow import trigger_airflow
from workflow_manager.wiring import with_ports

from aws_lambda_powertools.utilities.typing import LambdaContext


@lambda_entry(trigger_airflow)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Trigger one DAG run per cause; a record that fails comes back by itself."""
    begin_trace()
    trigger = with_ports(trigger_airflow)

    def handle(record: Record) -> None:
        cause = event_cause("trigger_airflow", context.aws_request_id)
        for command in parse_body(record["body"]):
            trigger(command, cause)

    return process_messages(event, handle)
