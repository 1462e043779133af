"""Every way to take one right, or one condition, from a role or the boundary."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from tests.permissions.roles import Statement

OTHER = "another"


@dataclass(frozen=True)
class Mutation:
    """A policy with something taken out.

    Parameters
    ----------
    policy
        Its name.
    what
        What is taken out or altered.
    statements
        What is left.
    """

    policy: str
    what: str
    statements: list[Statement]


def list_mutations(policy: str, statements: list[Statement]) -> Iterator[Mutation]:
    """Yield the policy without each action on each resource, and with each condition altered."""
    for place, statement in enumerate(statements):
        rest = statements[:place] + statements[place + 1 :]
        for action in statement["Action"]:
            for resource in statement["Resource"]:
                parts = split(statement, action, resource)
                yield Mutation(policy, f"{action} on {resource}", [*rest, *parts])
        for what, conditions in alter(statement.get("Condition", {})):
            altered = statement | {"Condition": conditions}
            yield Mutation(policy, f"{statement['Action']}: {what}", [*rest, altered])


def split(statement: Statement, action: str, resource: str) -> list[Statement]:
    """Return what a statement says of all but one action on one resource."""
    actions = [each for each in statement["Action"] if each != action]
    resources = [each for each in statement["Resource"] if each != resource]
    parts = [
        statement | {"Action": actions},
        statement | {"Action": [action], "Resource": resources},
    ]
    # A statement without actions or resources would be one about all of them.
    return [each for each in parts if each["Action"] and each["Resource"]]


def alter(conditions: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for operator, keys in conditions.items():
        for key, value in keys.items():
            without = deepcopy(conditions)
            del without[operator][key]
            yield f"without {key}", without
            other = deepcopy(conditions)
            other[operator][key] = {"true": "false", "false": "true"}.get(value, OTHER)
            yield f"another {key}", other
