"""Checks of the account, its region, and what every account needs once."""

from __future__ import annotations

import os
from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from scanhub_workflow.doctor.checks import Check, failed, ok, skipped, warning
from tools.aws import DENIED, Aws, explain, get_code

REGION, CREDENTIALS, LOG_ROLE = "region", "credentials", "API Gateway's log role"
_MAKE_ROLE = (
    "Give API Gateway a role that may write logs, once per account and region: "
    "docs/deploy.md#once-per-account-and-region"
)


def check_region(aws: Aws) -> Iterator[Check]:
    """Tell which region it is."""
    region, other = aws.region, os.environ.get("AWS_REGION")
    if not region:
        advice = "Set AWS_DEFAULT_REGION, or region = in samconfig.toml."
        if other:
            advice += " AWS_REGION is read by neither sam nor boto3."
        yield failed(REGION, "No region is set.", advice)
    elif other and other != region:
        advice = "Unset AWS_REGION, which is not read, or set AWS_DEFAULT_REGION to the same."
        yield warning(REGION, f"{region} is deployed to, but AWS_REGION says {other}.", advice)
    elif region not in aws.known_regions:
        yield warning(
            REGION, f"{region} is no region that is known here.", "Check how it is spelt."
        )
    else:
        yield ok(REGION, region)


def check_credentials(aws: Aws) -> Iterator[Check]:
    """Tell which account and role it is."""
    try:
        identity = aws.identify()
    except (BotoCoreError, ClientError) as error:
        advice = (
            "Log in to AWS (aws sso login, or AWS_PROFILE), and check the region: "
            "aws sts get-caller-identity must answer."
        )
        yield failed(CREDENTIALS, f"{explain(error)}.", advice)
        return
    yield ok(CREDENTIALS, f"account {identity['Account']}, {name_caller(identity['Arn'])}")


def name_caller(arn: str) -> str:
    """Return role, user or root of an ARN from STS, as people call it."""
    kind, _, name = arn.rpartition(":")[2].partition("/")
    if kind == "assumed-role":
        return f"role {name.partition('/')[0]}"
    return f"{kind} {name}" if name else f"the {kind} user"


def check_log_role(aws: Aws) -> Iterator[Check]:
    """Tell whether API Gateway may write its access log; if not, the first deployment fails."""
    arn = aws.connect("apigateway").get_account().get("cloudwatchRoleArn")
    if not arn:
        yield failed(LOG_ROLE, "There is none.", _MAKE_ROLE)
        return
    try:
        aws.connect("iam").get_role(RoleName=arn.rpartition("/")[2])
    except ClientError as error:
        code = get_code(error)
        if code == "NoSuchEntity":
            yield failed(LOG_ROLE, f"{arn} does not exist any more.", _MAKE_ROLE)
            return
        if code not in DENIED:
            raise
        detail = f"{arn} is set; whether it exists could not be checked: {explain(error)}."
        yield skipped(LOG_ROLE, detail)
        return
    yield ok(LOG_ROLE, arn)
