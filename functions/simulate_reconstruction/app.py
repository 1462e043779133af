"""Delayed messages: the steps of simulated runs."""

from typing import Any

from workflow_manager.entry import lambda_entry
from workflow_manager.events.cause import event_cause
from workflow_manager.events.sqs import Record, parse_simulation_step, process_messages
from workflow_manager.observability import begin_trace
from workflow_manager.services.simulate_reconstruction import simulate_reconstruction
from workflow_manager.wiring import with_ports

from aws_lambda_powertools.utilities.typing import LambdaContext


@lambda_entry(simulate_reconstruction)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take one step of a simulated run."""
    begin_trace()
    simulate = with_ports(simulate_reconstruction)

    def handle(record: Record) -> None:
        cause = event_cause("simulate_reconstruction", context.aws_request_id)
        simulate(*parse_simulation_step(record["body"]), cause)

    return process_messages(event, handle)
