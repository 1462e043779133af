"""The most that a function may do, the network it is in, and that it is told no secret."""

import json
from fnmatch import fnmatch
from typing import Any

from tests.infra.conftest import select

# X-Ray knows no resources; of EC2's actions, those that describe; of streams, their list.
WITHOUT_RESOURCES = ("xray:", "ec2:", "dynamodb:ListStreams")
SECRET_WORDS = ("PASSWORD", "TOKEN", "SECRET", "KEY")


def flatten(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each["Fn::If"][1] if "Fn::If" in each else each for each in statements]


def read_boundary(resources: dict[str, Any]) -> list[dict[str, Any]]:
    boundary = resources["FunctionBoundary"]["Properties"]["PolicyDocument"]["Statement"]
    return flatten(boundary)


def list_resources(statement: dict[str, Any]) -> list[str]:
    named = statement["Resource"]
    return [to_pattern(each) for each in (named if isinstance(named, list) else [named])]


def to_pattern(resource: Any) -> str:
    """Return a resource's name as one text, so that both ways of writing it compare."""
    if isinstance(resource, dict) and "Fn::GetAtt" in resource:
        return "${" + ".".join(resource["Fn::GetAtt"]) + "}"
    if isinstance(resource, dict) and "Fn::Sub" in resource:
        return str(resource["Fn::Sub"])
    return json.dumps(resource)


def test_every_function_stays_within_the_boundary(resources: dict[str, Any]) -> None:
    roles = select(resources, "AWS::IAM::Role")
    assert len(roles) == 30
    for role in roles.values():
        assert role["PermissionsBoundary"] == {"Ref": "FunctionBoundary"}


def test_boundary_names_resources_wherever_aws_allows_it(resources: dict[str, Any]) -> None:
    for statement in read_boundary(resources):
        assert "*" not in "".join(statement["Action"])
        if not all(action.startswith(WITHOUT_RESOURCES) for action in statement["Action"]):
            assert statement["Resource"] != "*"


def test_boundary_takes_nothing_away_that_a_function_is_given(resources: dict[str, Any]) -> None:
    allowed = [
        (action, pattern)
        for statement in read_boundary(resources)
        for action in statement["Action"]
        for pattern in list_resources(statement)
    ]
    for name, role in select(resources, "AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            for statement in flatten(policy["PolicyDocument"]["Statement"]):
                for action in statement["Action"]:
                    for asked in list_resources(statement):
                        assert any(
                            action == known and fnmatch(asked, pattern)
                            for known, pattern in allowed
                        ), (name, action, asked)


def test_boundary_allows_what_policies_for_keys_and_airflow_give(
    resources: dict[str, Any],
) -> None:
    known = {action for each in read_boundary(resources) for action in each["Action"]}
    for name in ("TableKeyAccess", "DataLakeKeyAccess", "OrchestratorAccess"):
        statements = resources[name]["Properties"]["PolicyDocument"]["Statement"]
        given = {action for each in flatten(statements) for action in each["Action"]}
        assert given <= known


def test_network_interfaces_are_made_by_lambda_and_not_by_the_code(
    resources: dict[str, Any],
) -> None:
    [condition, network, otherwise] = next(
        each["Fn::If"]
        for each in resources["FunctionBoundary"]["Properties"]["PolicyDocument"]["Statement"]
        if "ec2:CreateNetworkInterface" in json.dumps(each)
    )
    assert (condition, otherwise) == ("HasVpc", {"Ref": "AWS::NoValue"})
    assert network["Condition"] == {"Null": {"lambda:SourceFunctionArn": "true"}}


def test_functions_are_in_a_vpc_only_if_subnets_are_given(
    resources: dict[str, Any], template: dict[str, Any]
) -> None:
    condition = template["Conditions"]["HasVpc"]
    assert condition == {
        "Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "SubnetIds"}]}, ""]}]
    }
    for function in select(resources, "AWS::Lambda::Function").values():
        chosen, network, otherwise = function["VpcConfig"]["Fn::If"]
        assert (chosen, otherwise) == ("HasVpc", {"Ref": "AWS::NoValue"})
        assert set(network) == {"SubnetIds", "SecurityGroupIds"}
    assert template["Parameters"]["SubnetIds"]["Default"] == ""


def test_no_variable_of_a_function_is_secret(resources: dict[str, Any]) -> None:
    for name, function in select(resources, "AWS::Lambda::Function").items():
        for variable, value in function["Environment"]["Variables"].items():
            if any(word in variable for word in SECRET_WORDS):
                assert variable.endswith("_ARN"), (name, variable)
                assert value["Ref"].endswith("SecretArn")
            assert "resolve:secretsmanager" not in str(value)
            assert "resolve:ssm-secure" not in str(value)


def test_parameters_ask_for_no_secret(template: dict[str, Any]) -> None:
    # NoEcho would mean that one is given by value.
    assert not any("NoEcho" in each for each in template["Parameters"].values())
    named = [name for name in template["Parameters"] if "Secret" in name]
    assert named == ["AirflowSecretArn", "ServiceAccountSecretArn"]
    assert all("arn:" in template["Parameters"][name]["AllowedPattern"] for name in named)
