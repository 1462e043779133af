"""The most that a function may do, the network it is in, and that it is told no secret."""

from typing import Any

from tests.infra.conftest import select

# X-Ray knows no resources, nor do EC2's actions that describe, nor the list of streams.
WITHOUT_RESOURCES = ("xray:", "ec2:", "dynamodb:ListStreams")
SECRET_WORDS = ("PASSWORD", "TOKEN", "SECRET", "KEY")


def flatten(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each["Fn::If"][1] if "Fn::If" in each else each for each in statements]


def read_boundary(resources: dict[str, Any]) -> list[dict[str, Any]]:
    boundary = resources["FunctionBoundary"]["Properties"]["PolicyDocument"]["Statement"]
    return flatten(boundary)


def test_every_function_stays_within_the_boundary(resources: dict[str, Any]) -> None:
    roles = select(resources, "AWS::IAM::Role")
    assert len(roles) == 37
    for role in roles.values():
        assert role["PermissionsBoundary"] == {"Ref": "FunctionBoundary"}


def test_boundary_names_resources_wherever_aws_allows_it(resources: dict[str, Any]) -> None:
    for statement in read_boundary(resources):
        assert "*" not in "".join(statement["Action"])
        if not all(action.startswith(WITHOUT_RESOURCES) for action in statement["Action"]):
            assert statement["Resource"] != "*"


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
                given = value.get("Ref") or "".join(value["Fn::GetAtt"])
                assert given.endswith(("SecretArn", "SecretId"))
            assert "resolve:secretsmanager" not in str(value)
            assert "resolve:ssm-secure" not in str(value)


def test_parameters_ask_for_no_secret(template: dict[str, Any]) -> None:
    # NoEcho would mean that one is given by value.
    assert not any("NoEcho" in each for each in template["Parameters"].values())
    named = [name for name in template["Parameters"] if "Secret" in name]
    assert named == ["AirflowSecretArn", "ServiceAccountSecretArn"]
    assert all("arn:" in template["Parameters"][name]["AllowedPattern"] for name in named)
