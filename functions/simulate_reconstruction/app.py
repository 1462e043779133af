"""Delayed messages: the steps of simulated runs."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from workflow_manager.events.cause import event_cause
from workflow_manager.events.sqs import parse_simulation_step, process_records
from workflow_manager.observability import begin_trace, logger, metrics
from workflow_manager.services.simulate_reconstruction import simulate_reconstruction
from workflow_manager.wiring import AwsPorts


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take one step of a simulated run."""
    begin_trace()
    ports = AwsPorts()

    def handle(record: SQSRecord) -> None:
        cause = event_cause("simulate_reconstruction", context.aws_request_id)
        simulate_reconstruction(ports, *parse_simulation_step(record.body), cause)

    return process_records(event, handle, context)
