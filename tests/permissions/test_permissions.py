"""Every call of a function is allowed by its role and its boundary, and nothing else is."""

from dataclasses import replace

import pytest

from tests.permissions.check import find
from tests.permissions.mutations import list_mutations
from tests.permissions.recorded import Needs, adapt
from tests.permissions.roles import PARAMETER_SETS, Role, Statement

Roles = dict[str, dict[str, Role]]


@pytest.mark.parametrize("parameter_set", PARAMETER_SETS)
def test_role_and_boundary_allow_every_call(
    recorded: Needs, roles: Roles, parameter_set: str, summary: list[str]
) -> None:
    needs = {name: adapt(recorded[name], parameter_set) for name in roles[parameter_set]}
    found = [
        str(finding)
        for name, role in roles[parameter_set].items()
        for finding in find(name, role, needs[name])
    ]
    n_calls = sum(map(len, needs.values()))
    summary.append(f"{parameter_set}: {n_calls} rights needed by {len(needs)} functions")

    assert found == []


def test_only_functions_of_the_template_are_recorded(recorded: Needs, roles: Roles) -> None:
    assert set(recorded) <= set(roles["URL"])


def test_taking_any_right_or_condition_from_a_role_is_noticed(
    recorded: Needs, roles: Roles, summary: list[str]
) -> None:
    n_mutations, unnoticed = 0, []
    for function in roles["URL"]:
        noticed: dict[tuple[str, str], bool] = {}
        for name, by_function in roles.items():
            role, needs = by_function[function], adapt(recorded[function], name)
            for policy, statements in role.own.items():
                for mutation in list_mutations(policy, statements):
                    without = replace(role, own=role.own | {policy: mutation.statements})
                    key = policy, mutation.what
                    noticed[key] = noticed.get(key, False) or any(find(function, without, needs))
        n_mutations += len(noticed)
        unnoticed += [
            f"{function}: {policy}: {what}" for (policy, what), is_ in noticed.items() if not is_
        ]
    summary.append(f"{n_mutations} rights and conditions taken from roles, one at a time")

    # What is listed here is never used: take it from the role, or test what uses it.
    assert unnoticed == []


def test_taking_any_right_or_condition_from_the_boundary_is_noticed(
    recorded: Needs, roles: Roles, summary: list[str]
) -> None:
    noticed: dict[str, bool] = {}
    for name, by_function in roles.items():
        needs = {function: adapt(recorded[function], name) for function in by_function}
        for mutation in list_mutations("boundary", next(iter(by_function.values())).boundary):
            noticed[mutation.what] = noticed.get(mutation.what, False) or any(
                is_noticed(mutation.statements, by_function, needs)
            )
    summary.append(f"{len(noticed)} rights and conditions taken from the boundary, one at a time")

    assert [what for what, is_ in noticed.items() if not is_] == []


def is_noticed(boundary: list[Statement], roles: dict[str, Role], needs: Needs) -> list[bool]:
    return [
        any(find(function, replace(role, boundary=boundary), needs[function]))
        for function, role in roles.items()
    ]
