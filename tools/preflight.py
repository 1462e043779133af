"""Check all that a deployment needs, and print what it will create and cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from scanhub_workflow.doctor.checks import Check, Outcome, failed, ok
from tools.aws import Aws
from tools.checks.account import check_credentials, check_log_role, check_region
from tools.checks.airflow import check_airflow
from tools.checks.quotas import check_concurrency, check_roles
from tools.checks.secrets import (
    PSEUDONYM_KEY,
    check_key,
    check_pseudonym_key,
    check_secret,
)
from tools.checks.services import PREFIXES, check_service
from tools.checks.stack import (
    EMPTY,
    STACK,
    check_names,
    check_stack,
    check_subnets,
    find_stack,
    read_pairs,
)
from tools.environment import Environment
from tools.idle_cost import estimate_idle_usd
from tools.side_by_side import Look, run
from tools.template import Template
from workflow_manager.domain.access import parse_role_permissions

_SECRETS = ("ServiceAccountSecretArn", "AirflowSecretArn")


@dataclass(frozen=True)
class Target:
    """What is to be deployed, and what is there already.

    Parameters
    ----------
    values
        The template's parameters, as far as they are known.
    stack
        The stack that exists; None if there is none.
    obstacle
        Why it is not known whether a stack exists.
    """

    environment: Environment
    template: Template
    values: Mapping[str, str]
    stack: dict[str, Any] | None
    obstacle: Exception | None = None

    @property
    def is_new(self) -> bool:
        """Whether no stack exists yet."""
        return self.stack is None or self.stack["StackStatus"] == EMPTY


def read_target(environment: Environment, template: Template, aws: Aws) -> Target:
    """Return what is to be deployed, and what is there already."""
    stack, obstacle = None, None
    try:
        stack = find_stack(aws, environment.stack_name)
    except (BotoCoreError, ClientError) as error:
        obstacle = error
    # A parameter that is not set now keeps its value.
    previous = read_pairs(stack, "Parameter")
    values = template.fill_in(environment.overrides, previous)
    return Target(environment, template, values, stack, obstacle)


def look(target: Target, aws: Aws) -> list[Check]:
    """Print each check as a line, and return all of them."""
    checks = []
    for check in run(list_looks(target, aws)):
        print(format_line(check), flush=True)
        checks.append(check)
    return checks


def list_looks(target: Target, aws: Aws) -> dict[str, Look]:
    """Return the checks by name."""
    stack_name = target.environment.stack_name
    values = target.values
    faulty = {fault[0] for fault in target.template.list_faults(values)}
    given = {each for each in values if values[each] and each not in faulty}
    looks: dict[str, Look] = {
        "region": partial(check_region, aws),
        "credentials": partial(check_credentials, aws),
        "parameters": partial(check_parameters, target),
        STACK: partial(_check_stack, target),
    }
    if target.is_new and target.obstacle is None:
        has_own_key = not values.get("KmsKeyArn")
        looks["names"] = partial(check_names, aws, stack_name, has_own_key=has_own_key)
        n_functions = _count(target)["AWS::Serverless::Function"]
        looks["IAM roles"] = partial(check_roles, aws, n_functions)
    looks["API Gateway's log role"] = partial(check_log_role, aws)
    looks |= {
        each: partial(check_secret, aws, each, values[each]) for each in _SECRETS if each in given
    }
    if arn := read_pairs(target.stack, "Output").get("PatientPseudonymSecretArn"):
        looks[PSEUDONYM_KEY] = partial(check_pseudonym_key, aws, arn)
    if "KmsKeyArn" in given:
        looks["KmsKeyArn"] = partial(check_key, aws, values["KmsKeyArn"])
    if not faulty & {"AirflowUrl", "MwaaEnvironmentName", "AirflowApiVersion"}:
        looks["Airflow"] = partial(check_airflow, aws, values)
    if "ScanHubContract" not in faulty:
        looks |= {each: partial(check_service, each, values) for each in PREFIXES if each in given}
    if "SubnetIds" in given:
        groups = values.get("SecurityGroupIds", "")
        looks["subnets"] = partial(check_subnets, aws, values["SubnetIds"], groups)
    looks["Lambda's concurrency"] = partial(check_concurrency, aws)
    return looks


def check_parameters(target: Target) -> list[Check]:
    """Tell which parameters cannot be deployed."""
    where = f"[{target.environment.name}.global.parameters] of samconfig.toml"
    try:
        parse_role_permissions(target.values.get("RolePermissions", ""))
    except ValueError as error:
        return [failed("parameter RolePermissions", str(error), f"Correct it in {where}.")]
    if faults := target.template.list_faults(target.values):
        return [
            failed(f"parameter {name}", what, f"It belongs into {where}.") for name, what in faults
        ]
    if broken := target.template.list_broken_rules(target.values):
        return [failed("parameters", each, f"Correct it in {where}.") for each in broken]
    return [ok("parameters", f"All {len(target.values)} have a value that fits.")]


def _check_stack(target: Target) -> list[Check]:
    if target.obstacle is not None:
        raise target.obstacle
    return list(check_stack(target.stack, target.environment.name, target.environment.stack_name))


def format_line(check: Check) -> str:
    """Return a check as one line: how it ended, its name, what was found, and what to do."""
    text = " ".join(filter(None, [check.detail, check.advice]))
    return f"{check.outcome.value:<8} {check.name}: {' '.join(text.split())}"


def describe(target: Target) -> str:
    """Return what the deployment creates, and what it costs in a month without a scan."""
    counts = sorted(_count(target).items(), key=lambda each: (-each[1], each[0]))
    kinds = ", ".join(f"{n} {kind.removeprefix('AWS::')}" for kind, n in counts)
    verb = "Will create" if target.is_new else "Will update"
    costs = estimate_idle_usd(target.values)
    width = max(map(len, costs))
    rows = [f"  {group:<{width}}  {usd:6.2f}" for group, usd in costs.items()]
    total = f"  {'in sum':<{width}}  {sum(costs.values()):6.2f}"
    heading = "Costs in a month without a scan, USD, list prices of us-east-1 (docs/cost.md):"
    return "\n".join([f"{verb}: {kinds}, and a role for each function.", heading, *rows, total])


def _count(target: Target) -> Counter[str]:
    return target.template.count_resources(target.values)


def is_ready(checks: list[Check]) -> bool:
    """Tell whether no check speaks against a deployment."""
    return not any(check.outcome is Outcome.FAILED for check in checks)
