"""Clients of AWS, all of one session."""

from typing import Any, Literal

import boto3
from botocore.config import Config

from workflow_manager.missing_permission import check_permission

# boto3 would put its own together for every request, of 60 facts: a fifth of what a call takes.
USER_AGENT = f"scanhub-workflow-manager Boto3/{boto3.__version__}"

# The build leaves the data of all other services out of the layer (tools/layer.py).
AwsService = Literal["dynamodb", "events", "mwaa", "s3", "secretsmanager", "sqs"]


def build_aws_client(service: AwsService, config: Config) -> Any:
    """Return a client of boto3's default session; a call that lacks a permission says so.

    Parameters
    ----------
    service
        What it speaks to.
    config
        Timeouts and retries, at least.
    """
    # boto3's stubs know services by name only.
    build: Any = boto3.client
    client = build(service, config=config.merge(Config(user_agent=USER_AGENT)))
    client.meta.events.register("after-call", check_permission)
    return client
