"""What code may touch stands in its signature, and the role allows just that."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.permissions.needs import SECRETS
from tests.permissions.roles import Role, read_roles
from tests.signatures import CLIENTS, is_service_account, list_clients, load_function
from workflow_manager.http.dependencies import get_caller
from workflow_manager.wiring import PORTS

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers/workflow_manager/workflow_manager"
FUNCTIONS = sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))
# What makes pseudonyms of patients; nobody else may read the key.
PSEUDONYMIZING = {
    "process_workflow",
    "retry_task",
    "retry_workflow",
    "trigger_airflow",
    "trigger_task",
}
PUBLIC = {"check_readiness", "get_console", "get_openapi", "log_in", "receive_results"}
MAX_N_CLIENTS = 5
# Looks after everything.
RECONCILER = ("reconcile_runs.reconcile_runs", 6)
TYPES = {
    "store": "WorkflowStore",
    "lake": "DataLake",
    "queue": "MessageQueue",
    "bus": "EventBus",
    "orchestrator": "Orchestrator",
    "exam": "ExamClient",
    "scan": "ScanClient",
    "users": "UserClient",
    "clock": "Clock",
    "settings": "Settings",
}
# What a port stands on, in a role's words; ScanHub's other services know no role.
SERVICES = {
    "store": "dynamodb",
    "lake": "s3",
    "queue": "sqs",
    "bus": "events",
    "orchestrator": SECRETS["AIRFLOW_SECRET_ARN"],
}


@cache
def roles() -> dict[str, Role]:
    return read_roles({})


def list_services(role: Role) -> set[str]:
    """Return the services that a role's own statements name, but for what Lambda itself calls."""
    implied = {(need.action, need.resource) for need in role.implied}
    rights = {
        (action, resource)
        for statements in role.own.values()
        for each in statements
        for action in each["Action"]
        for resource in each["Resource"]
    }
    streams = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}
    asked = {(action, at) for action, at in rights - implied if action not in streams}
    secrets = {resource for action, resource in asked if action.startswith("secretsmanager:")}
    services = {action.partition(":")[0] for action, _ in asked}
    return (services & set(SERVICES.values())) | secrets


@pytest.mark.parametrize("function", FUNCTIONS)
def test_role_names_the_services_of_the_signature_and_no_other(function: str) -> None:
    role = roles()["".join(word.title() for word in function.split("_")) + "Function"]
    wanted = {SERVICES[name] for name in list_clients(function) if name in SERVICES}
    if is_service_account(function):
        wanted.add(SECRETS["SERVICE_ACCOUNT_SECRET_ARN"])
    if function in PSEUDONYMIZING:
        wanted.add(SECRETS["PATIENT_PSEUDONYM_SECRET_ARN"])

    assert list_services(role) == wanted


@pytest.mark.parametrize("function", FUNCTIONS)
def test_route_asks_who_calls_unless_it_is_public(function: str) -> None:
    for route in getattr(getattr(load_function(function), "router", None), "routes", []):
        calls = {each.call for each in route.dependant.dependencies}
        assert (get_caller in calls) is (function not in PUBLIC), route.path


def list_definitions() -> list[tuple[str, ast.FunctionDef]]:
    return list(_walk())


def _walk() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in sorted([*LAYER.glob("services/*.py"), *LAYER.glob("steps/**/*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield f"{path.stem}.{node.name}", node


@pytest.mark.parametrize(("name", "node"), list_definitions())
def test_ports_are_the_first_parameters_by_their_names(name: str, node: ast.FunctionDef) -> None:
    taken = [
        (each.arg, ast.unparse(each.annotation))
        for each in (*node.args.args, *node.args.kwonlyargs)
        if each.annotation
    ]
    ports = [arg for arg, kind in taken if arg in TYPES or kind in TYPES.values()]

    assert dict(taken[: len(ports)]) == {arg: TYPES.get(arg) for arg in ports}
    assert ports == [arg for arg in TYPES if arg in ports]
    most = dict([RECONCILER]).get(name, MAX_N_CLIENTS)
    assert len(set(ports) & set(CLIENTS)) <= most


@pytest.mark.parametrize(("name", "node"), list_definitions())
def test_no_function_takes_a_port_that_it_does_not_touch(name: str, node: ast.FunctionDef) -> None:
    inside = {n.id for part in node.body for n in ast.walk(part) if isinstance(n, ast.Name)}

    assert {each.arg for each in node.args.args} & set(TYPES) <= inside


def test_every_port_can_be_built() -> None:
    assert set(TYPES) == set(PORTS)
