"""Checks of the stack that exists already, and of names that other resources have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from scanhub_workflow.doctor.checks import Check, failed, ok, skipped, warning
from tools.aws import DENIED, Aws, explain, get_code, get_message

STACK, NAMES, SUBNETS = "stack", "names", "subnets"
_REMOVE = "Remove what is left of it, then deploy again: make remove TO={name}"
_ADVICE = {
    "CREATE_FAILED": _REMOVE,
    "ROLLBACK_COMPLETE": _REMOVE,
    "ROLLBACK_FAILED": _REMOVE,
    "DELETE_FAILED": _REMOVE,
    "UPDATE_ROLLBACK_FAILED": (
        "Mend what its events name, then: aws cloudformation continue-update-rollback "
        "--stack-name {stack}"
    ),
}
# A change set that nobody has executed: the stack has no resources yet.
EMPTY = "REVIEW_IN_PROGRESS"


def find_stack(aws: Aws, stack_name: str) -> dict[str, Any] | None:
    """Return a stack by name, or by id up to 90 days after its deletion; None if not found."""
    try:
        [stack] = aws.connect("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        # CloudFormation has no code of its own for this.
        if get_code(error) == "ValidationError" and "does not exist" in get_message(error):
            return None
        raise
    return dict(stack)


def read_pairs(stack: dict[str, Any] | None, kind: str) -> dict[str, str]:
    """Return a stack's outputs (kind ``Output``) or parameters (``Parameter``)."""
    pairs = (stack or {}).get(f"{kind}s", [])
    return {each[f"{kind}Key"]: each.get(f"{kind}Value", "") for each in pairs}


def check_stack(stack: dict[str, Any] | None, name: str, stack_name: str) -> Iterator[Check]:
    """Tell whether CloudFormation would take a deployment of an environment now."""
    if stack is None:
        yield ok(STACK, f"{stack_name} will be created.")
        return
    status = str(stack["StackStatus"])
    if status == EMPTY:
        yield ok(STACK, f"{stack_name} is empty and will be created.")
    elif status in _ADVICE:
        advice = _ADVICE[status].format(name=name, stack=stack_name)
        yield failed(STACK, f"{stack_name} is {status}: it takes no update.", advice)
    elif status.endswith("_IN_PROGRESS"):
        advice = (
            "Wait until it has ended: aws cloudformation describe-stack-events "
            f"--stack-name {stack_name}"
        )
        yield failed(STACK, f"{stack_name} is {status}.", advice)
    elif status == "UPDATE_FAILED":
        advice = "Deploy, or roll back: aws cloudformation rollback-stack."
        yield warning(STACK, f"{stack_name} is {status}: an update stopped half-way.", advice)
    else:
        yield ok(STACK, f"{stack_name} is {status} and will be updated.")


def check_names(aws: Aws, stack_name: str, *, has_own_key: bool) -> Iterator[Check]:
    """Tell which names that the template itself gives are taken, for a new stack.

    Parameters
    ----------
    has_own_key
        Whether the stack makes its own key, and so an alias.
    """
    looks = [
        ("event bus", "events", "describe_event_bus", ("Name", stack_name)),
        (
            "dashboard",
            "cloudwatch",
            "get_dashboard",
            ("DashboardName", f"{stack_name}-{aws.region}"),
        ),
        ("alias", "kms", "describe_key", ("KeyId", f"alias/{stack_name}")),
    ]
    taken, unseen = [], []
    for kind, service, operation, (key, name) in looks[: 3 if has_own_key else 2]:
        try:
            getattr(aws.connect(service), operation)(**{key: name})
        except ClientError as error:
            code = get_code(error)
            if code in DENIED:
                unseen.append(f"{kind}: {explain(error)}")
            elif not code.endswith(("NotFound", "NotFoundException", "NotFoundError")):
                raise
        else:
            taken.append(f"the {kind} {name}")
    if taken:
        advice = "Delete them if nobody needs them, or choose another stack_name in samconfig.toml."
        yield failed(NAMES, f"Of no stack of this name, but there: {', '.join(taken)}.", advice)
    elif unseen:
        yield skipped(NAMES, f"Could not be checked: {'; '.join(unseen)}.")
    else:
        yield ok(NAMES, "Nobody else has those of event bus, dashboard and key.")


def check_subnets(aws: Aws, subnets: str, groups: str) -> Iterator[Check]:
    """Tell whether subnets and security groups exist and are of one VPC.

    Parameters
    ----------
    subnets, groups
        Ids, separated by commas.
    """
    if not groups:
        yield failed(SUBNETS, "SecurityGroupIds is empty.", "Give at least one, of the same VPC.")
        return
    ec2 = aws.connect("ec2")
    try:
        found = ec2.describe_subnets(SubnetIds=subnets.split(","))["Subnets"]
        found += ec2.describe_security_groups(GroupIds=groups.split(","))["SecurityGroups"]
    except ClientError as error:
        if not get_code(error).startswith("Invalid"):
            raise
        yield failed(SUBNETS, get_message(error), "Correct SubnetIds and SecurityGroupIds.")
        return
    vpcs = sorted({each["VpcId"] for each in found})
    if len(vpcs) == 1:
        yield ok(SUBNETS, f"They are of {vpcs[0]}.")
    else:
        advice = "Take subnets and security groups of one VPC."
        yield failed(SUBNETS, f"They are of several: {', '.join(vpcs)}.", advice)
