"""The minute's turn of the reconciler."""

from typing import Any

from workflow_manager.entry import lambda_entry
from workflow_manager.events.cause import event_cause
from workflow_manager.observability import begin_trace
from workflow_manager.services.reconcile_runs import reconcile_runs
from workflow_manager.wiring import with_ports

from aws_lambda_powertools.utilities.typing import LambdaContext


@lambda_entry(reconcile_runs)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Heal what was lost since the last turn."""
    begin_trace()
    cause = event_cause("reconcile_runs", context.aws_request_id)
    return {"n_reconciled": with_ports(reconcile_runs)(cause)}
