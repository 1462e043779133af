"""Clients of AWS, all of one session, whose calls end."""

from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from workflow_manager.deadline import bound_aws_client, is_late, is_spent, limit
from workflow_manager.missing_permission import check_permission

# boto3 would put its own together for every request, of 60 facts: a fifth of what a call takes.
USER_AGENT = f"scanhub-workflow-manager Boto3/{boto3.__version__}"

# The build leaves the data of all other services out of the layer (tools/layer.py).
AwsService = Literal["dynamodb", "events", "mwaa", "s3", "secretsmanager", "sqs"]

_NOT_AWS = "This is no answer of AWS."
_NOT_CONNECTED = (ConnectTimeoutError, EndpointConnectionError)


def build_aws_client(service: AwsService, config: Config, total_s: float) -> Any:
    """Return a client of boto3's default session; a call that lacks a permission says so.

    Parameters
    ----------
    service
        What it speaks to.
    config
        Timeouts and retries, at least.
    total_s
        The longest that a call takes, with all of its tries [s]; a body that is read afterwards
        needs a `limit` of its own.
    """
    # boto3's stubs know services by name only.
    build: Any = boto3.client
    client = build(service, config=config.merge(Config(user_agent=USER_AGENT)))
    client.meta.events.register("after-call", check_permission)
    client.meta.events.register("needs-retry", _stop_when_spent)
    bound_aws_client(client)
    # botocore has no public way to all tries of a call.
    call = client._make_api_call

    def call_within_limit(operation: str, parameters: dict[str, Any]) -> Any:
        with limit(total_s):
            try:
                answer = call(operation, parameters)
            except (ResponseParserError, UnicodeDecodeError, RecursionError):
                # The parser's own error would quote it.
                raise HTTPClientError(error=_NOT_AWS) from None
        # Of a proxy's page, botocore may make an answer in which nothing is missed: "taken".
        if not answer["ResponseMetadata"].get("RequestId"):
            raise HTTPClientError(error=_NOT_AWS)
        return answer

    client._make_api_call = call_within_limit
    return client


def _stop_when_spent(attempts: int, caught_exception: Exception | None, **_: Any) -> None:
    if caught_exception is None or not is_spent():
        return
    # botocore names what broke last; that may be less far than an earlier try has got.
    is_unsent = attempts == 1 and isinstance(caught_exception, _NOT_CONNECTED)
    if is_unsent or not is_late():
        raise caught_exception
    raise ReadTimeoutError(endpoint_url="AWS", error=caught_exception)
