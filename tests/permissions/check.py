"""Compares what calls need with what roles and boundary allow, by an evaluator that knows both."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from tests.permissions.needs import ACCOUNT, CODE, REGION, Need
from tests.permissions.roles import Role, Statement

ELSEWHERE = {
    "kms:ViaService": None,
    "s3:prefix": "elsewhere/any",
}
"""For each condition key that a policy may ask for: a value that must not do, None: none at all."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it must be.

    Parameters
    ----------
    function
        Logical id.
    what
        ``missing``, or ``not tied``: allowed, but not only under the condition of the call.
    """

    function: str
    what: str
    action: str
    resource: str

    def __str__(self) -> str:
        return f"{self.function}: {self.what}: {self.action} on {self.resource}"


def is_allowed(need: Need, statements: list[Statement], boundary: list[Statement]) -> bool:
    """Return whether role and boundary both allow it."""
    context = EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/role/function",
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=need.action,
        resource_arn=need.resource,
        region=REGION,
        service_context={name.lower(): value for name, value in need.context},
    )
    documents = [
        [parse_policy_document({"Version": "2012-10-17", "Statement": each})]
        for each in (statements, boundary)
    ]
    return evaluate(context, *documents).decision == "Allow"


def find(function: str, role: Role, needs: Iterable[Need]) -> Iterator[Finding]:
    """Yield what a function needs and may not, or may also otherwise than it needs."""
    wanted = {*needs, *role.implied}
    statements = [*(each for policy in role.own.values() for each in policy), *role.managed]
    for need in sorted(wanted, key=str):
        if not is_allowed(need, statements, role.boundary):
            yield Finding(function, "missing", need.action, need.resource)
    for need in sorted(list_elsewhere(wanted), key=str):
        if is_allowed(need, statements, role.boundary):
            yield Finding(function, "not tied", need.action, need.resource)


def list_elsewhere(wanted: set[Need]) -> set[Need]:
    """Return calls that nobody makes: the same action on the same resource, in another context."""
    found = set()
    for need in wanted:
        keys = dict(need.context)
        for name, value in ELSEWHERE.items():
            if name in keys and not any(is_unbound(need, other, name) for other in wanted):
                others = {k: v for k, v in keys.items() if k != name} | (
                    {name: value} if value else {}
                )
                found.add(Need(need.action, need.resource, frozenset(others.items())))
        if need.action.startswith("ec2:"):
            found.add(Need(need.action, need.resource, frozenset(CODE.items())))
    return found


def is_unbound(need: Need, other: Need, key: str) -> bool:
    same = (need.action, need.resource) == (other.action, other.resource)
    return same and key not in dict(other.context)
