import ast
import json
import re
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.integration.conftest import create_table

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))
SERVICES = ROOT / "layers/workflow_manager/workflow_manager/services"
MAX_FUNCTION_LINES = 25
# One call of one port is no use case: it stands in the endpoint.
WITHOUT_SERVICE = {
    "check_readiness",
    "get_console",
    "get_openapi",
    "get_me",
    "hello",
    "list_rejected_objects",
    "list_uploads",
}


def to_logical_id(folder: str) -> str:
    return "".join(word.title() for word in folder.split("_")) + "Function"


def test_template_has_exactly_one_function_per_folder(functions: dict[str, Any]) -> None:
    assert set(functions) == {to_logical_id(folder) for folder in FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS)
def test_function_is_one_to_one_with_its_folder_service_events_and_test(
    folder: str, functions: dict[str, Any]
) -> None:
    assert functions[to_logical_id(folder)]["CodeUri"] == f"functions/{folder}"
    assert (SERVICES / f"{folder}.py").is_file() is (folder not in WITHOUT_SERVICE)
    assert list(ROOT.glob(f"events/{folder}/*.json"))
    assert list(ROOT.glob(f"tests/**/test_{folder}.py"))


@pytest.mark.parametrize("folder", FOLDERS)
def test_http_function_has_its_own_name_as_operation_id(folder: str) -> None:
    source = (ROOT / "functions" / folder / "app.py").read_text()
    operation_ids = re.findall(r'operation_id="(\w+)"', source)
    if operation_ids:
        assert operation_ids[0] == folder


@pytest.mark.parametrize("folder", FOLDERS)
def test_function_is_thin(folder: str) -> None:
    source = (ROOT / "functions" / folder / "app.py").read_text()
    tree = ast.parse(source)
    # Imports and parameters say what it touches; they are as many as that is.
    said = 0
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            said += (node.end_lineno or 0) - node.lineno + 1
        elif isinstance(node, ast.FunctionDef):
            said += node.body[0].lineno - node.lineno
    assert len(source.splitlines()) - said <= 30
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("folder", FOLDERS)
def test_endpoint_is_named_as_its_operation(folder: str) -> None:
    routes = getattr(import_module(f"functions.{folder}.app"), "router", None)
    for route in routes.routes if routes else []:
        assert route.endpoint.__name__ == route.operation_id


def test_event_folders_belong_to_functions() -> None:
    assert {path.name for path in (ROOT / "events").iterdir()} == set(FOLDERS)


def find_references(value: Any) -> set[str]:
    if isinstance(value, list):
        return {name for item in value for name in find_references(item)}
    if not isinstance(value, dict):
        return set()
    found: set[str] = set()
    for key, item in value.items():
        if key == "Ref":
            found.add(item)
        elif key == "Fn::GetAtt":
            found.add(item[0] if isinstance(item, list) else item.split(".")[0])
        elif key == "Fn::Sub":
            text = item[0] if isinstance(item, list) else item
            found |= {name.split(".")[0] for name in re.findall(r"\$\{([\w.]+)\}", text)}
        elif key == "DependsOn":
            found |= {item} if isinstance(item, str) else set(item)
        found |= find_references(item)
    return found


def test_translated_template_has_no_dependency_cycle(translated: dict[str, Any]) -> None:
    resources = translated["Resources"]
    graph = {
        name: find_references(resource) & set(resources) for name, resource in resources.items()
    }

    order = list(TopologicalSorter(graph).static_order())

    assert len(order) == len(resources) > 30


def test_every_function_has_its_own_role_on_named_resources(translated: dict[str, Any]) -> None:
    roles = {n: r for n, r in translated["Resources"].items() if r["Type"] == "AWS::IAM::Role"}
    statements = [
        statement
        for role in roles.values()
        for policy in role["Properties"].get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
    ]

    assert len([name for name in roles if name.endswith("FunctionRole")]) >= len(FOLDERS)
    assert statements
    for statement in statements:
        # A list of streams knows no resource.
        is_list = statement["Action"] == ["dynamodb:ListStreams"]
        assert "*" not in (*statement["Action"], *([] if is_list else [statement["Resource"]]))
        assert not any(action.endswith(":*") for action in statement["Action"])


def test_every_api_method_but_the_public_ones_asks_the_authorizer(
    translated: dict[str, Any],
) -> None:
    apis = [r for r in translated["Resources"].values() if r["Type"] == "AWS::ApiGateway::RestApi"]
    public = {
        path
        for path, methods in apis[0]["Properties"]["Body"]["paths"].items()
        for method in methods.values()
        if method.get("security") == [{"NONE": []}]
    }

    assert public == {
        "/v1/workflowmanager/console",
        "/v1/workflowmanager/console/{proxy+}",
        "/v1/workflowmanager/docs",
        "/v1/workflowmanager/docs/{file_name}",
        "/v1/workflowmanager/login",
        "/v1/workflowmanager/openapi.json",
        "/v1/workflowmanager/health/readiness",
        "/v1/workflowmanager/results_ready",
        "/v1/workflowmanager/result_ready/{task_id}",
    }


def test_data_lake_is_private_versioned_and_tells_of_raw_data_only(
    template: dict[str, Any],
) -> None:
    bucket = template["Resources"]["DataLake"]["Properties"]
    rules = [
        configuration["Filter"]["S3Key"]["Rules"][0]["Value"]
        for configuration in bucket["NotificationConfiguration"]["QueueConfigurations"]
    ]

    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert rules == ["upload/", "acquisition/"]


def test_table_of_the_tests_is_the_templates(template: dict[str, Any]) -> None:
    table = template["Resources"]["StateTable"]["Properties"]
    asked: dict[str, Any] = {}

    create_table(SimpleNamespace(create_table=asked.update), "table")

    for name in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"):
        assert asked[name] == table[name]


def test_secrets_are_parameters_by_arn_never_values(template: dict[str, Any]) -> None:
    variables = str(template["Globals"]) + str(template["Resources"])
    assert "password" not in variables.lower()


def test_functions_are_short_in_the_template(template: dict[str, Any]) -> None:
    lines = (ROOT / "template.yaml").read_text().splitlines()
    starts = [n for n, line in enumerate(lines) if re.fullmatch(r"  \w+:", line)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        if lines[start].endswith("Function:") and lines[start] != "  Function:":
            body = [line for line in lines[start:end] if line.strip() and "# " not in line]
            assert len(body) <= MAX_FUNCTION_LINES, lines[start]


@pytest.mark.parametrize(
    ("kind", "status", "detail"),
    [
        ("UNAUTHORIZED", 401, "Not authenticated"),
        ("ACCESS_DENIED", 401, "Invalid token."),
        ("AUTHORIZER_FAILURE", 503, "Tokens cannot be checked at the moment."),
        ("MISSING_AUTHENTICATION_TOKEN", 404, "Not Found"),
        ("REQUEST_TOO_LARGE", 413, "The file is larger than 4 MiB: use POST /uploads/ instead."),
        ("INTEGRATION_TIMEOUT", 504, "The answer took too long: look at the state before"),
    ],
)
def test_gateway_answers_in_our_problem_shape(
    translated: dict[str, Any], kind: str, status: int, detail: str
) -> None:
    [api] = [r for r in translated["Resources"].values() if r["Type"] == "AWS::ApiGateway::RestApi"]
    response = api["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"][kind]
    headers = response["responseParameters"]
    problem = json.loads(response["responseTemplates"]["application/json"])

    assert int(response["statusCode"]) == status
    assert problem["status"] == status
    assert problem["detail"].startswith(detail)
    assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
    assert ("gatewayresponse.header.WWW-Authenticate" in headers) == (status == 401)
    assert "gatewayresponse.header.Access-Control-Allow-Origin" in headers
