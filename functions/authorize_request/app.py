"""API Gateway's TOKEN authorizer."""

from typing import Any

from workflow_manager.domain.errors import UpstreamError
from workflow_manager.entry import lambda_entry
from workflow_manager.events.authorizer import make_policy, read_token
from workflow_manager.observability import begin_trace, count_unchecked_token
from workflow_manager.services.authorize_request import authorize_request
from workflow_manager.wiring import with_ports

from aws_lambda_powertools.utilities.typing import LambdaContext


@lambda_entry(authorize_request)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Allow the whole stage to a known user, deny it to everybody else."""
    begin_trace()
    authorization, method_arn = read_token(event)
    try:
        user = with_ports(authorize_request)(authorization)
    except UpstreamError:
        # It has to fail, or API Gateway would keep the answer; CrashAlarm takes it off again.
        count_unchecked_token()
        raise
    return make_policy(user, method_arn)
