"""What `benchmarks.cold_start` starts: every function of the template, without a stack."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cfnlint.decode import decode

from local.config import HOST, StackConfig, StackError, aws_environ
from local.runtime import RuntimeFunction

# Nobody listens there: whoever makes a call while a function starts is refused at once.
CLOSED_URL = f"https://{HOST}:9"
_SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:scanhub"  # noqa: S105 - a name
# What the template refers to and only a deployment knows. The orchestrator is MWAA: its client is
# all that the first call takes, where an Airflow by URL asks Secrets Manager before.
VALUES: Mapping[str, str] = {
    "AWS_ENDPOINT_URL": CLOSED_URL,
    "STACK_NAME": "cold-start",
    "TABLE_NAME": "state",
    "BUCKET_NAME": "data-lake",
    "QUEUE_URL": f"{CLOSED_URL}/123456789012/events",
    "SIMULATION_QUEUE_URL": f"{CLOSED_URL}/123456789012/simulation",
    "EVENT_BUS_NAME": "scanhub",
    "MWAA_ENVIRONMENT_NAME": "airflow",
    "SERVICE_ACCOUNT_SECRET_ARN": _SECRET_ARN,
    "USER_LOGIN_MANAGER_URI": CLOSED_URL,
    "EXAM_MANAGER_URI": CLOSED_URL,
    "PATIENT_MANAGER_URI": CLOSED_URL,
    "SEQUENCE_MANAGER_URI": CLOSED_URL,
    "DEVICE_MANAGER_URI": CLOSED_URL,
    "WORKFLOW_MANAGER_URL": CLOSED_URL,
}
HTTP, EVENT = "HTTP", "event"


@dataclass(frozen=True)
class Starter:
    """A function that can be started.

    Attributes
    ----------
    name
        As its folder is called.
    kind
        `HTTP` behind API Gateway, `EVENT`, or no function of ours.
    function
        Its configuration.
    task_root, layer
        Its built folder, and its layer.
    """

    name: str
    kind: str
    function: RuntimeFunction
    task_root: Path
    layer: Path


def list_functions(template: Mapping[str, Any], build: Path, layer: Path) -> list[Starter]:
    """Return all functions of a template, sorted by kind and name.

    Parameters
    ----------
    template
        As `read_template` returns it.
    build, layer
        Where its functions and their layer were built.

    Raises
    ------
    StackError
        A variable of a function has no value here.
    """
    common = template["Globals"]["Function"]
    found = []
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        own = resource["Properties"]
        variables = common["Environment"]["Variables"] | _variables_of(own)
        name = name_of(logical_id)
        function = make_function(
            logical_id,
            _give_values(variables, template["Parameters"]),
            timeout_s=own.get("Timeout", common["Timeout"]),
            memory_mb=own.get("MemorySize", common["MemorySize"]),
        )
        found.append(Starter(name, _kind_of(own), function, build / logical_id, layer))
    return sorted(found, key=lambda each: (each.kind != HTTP, each.name))


def make_function(
    logical_id: str, variables: Mapping[str, str], timeout_s: int = 29, memory_mb: int = 1769
) -> RuntimeFunction:
    """Return a function with these variables and whatever every AWS client needs."""
    environ = {**aws_environ(StackConfig()), "AWS_ENDPOINT_URL": CLOSED_URL, **variables}
    return RuntimeFunction(logical_id, "app.lambda_handler", timeout_s, memory_mb, environ)


def read_template(path: Path) -> dict[str, Any]:
    """Return a template, its functions of CloudFormation in the long form.

    Raises
    ------
    StackError
        It is none.
    """
    template, problems = decode(str(path))
    if problems or template is None:
        raise StackError(f"{path} cannot be read: {problems}")
    return dict(template)


def name_of(logical_id: str) -> str:
    """Return the name of a function's folder."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", logical_id.removesuffix("Function")).lower()


def _kind_of(properties: Mapping[str, Any]) -> str:
    events = properties.get("Events", {}).values()
    return HTTP if any(event["Type"] == "Api" for event in events) else EVENT


def _variables_of(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    variables: Mapping[str, Any] = properties.get("Environment", {}).get("Variables", {})
    return variables


def _give_values(
    variables: Mapping[str, Any], parameters: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Return the variables as they are deployed: a value of ours, or a parameter's default."""
    values = {}
    for name, value in variables.items():
        if name in VALUES:
            values[name] = VALUES[name]
        elif isinstance(value, str):
            values[name] = value
        elif "Default" in (parameter := parameters.get(value.get("Ref", ""), {})):
            values[name] = str(parameter["Default"])
        else:
            raise StackError(f"The benchmark has no value for {name}.")
    return values
