"""One API, public at one stage, that is deployed anew when it differs, and only then."""

import json
import re
from typing import Any

import pytest

from tests.infra.conftest import select, translate

NO_AIRFLOW = {"AirflowUrl": "", "AirflowSecretArn": ""}
PARAMETER_SETS = {
    "url": {},
    "mwaa": {**NO_AIRFLOW, "MwaaEnvironmentName": "scanhub"},
    "simulated": {**NO_AIRFLOW, "SimulateRuns": "true"},
    "vpc": {
        "SubnetIds": "subnet-a,subnet-b",
        "SecurityGroupIds": "sg-a",
        "DeploymentPreference": "Canary10Percent5Minutes",
        "KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/a",
    },
}
# What CloudFormation gives SAM for a value that it does not know yet: the reference stays.
UNKNOWN = "{{IntrinsicFunction:unknown}}"


def list_deployments(**parameters: str) -> set[str]:
    return set(select(translate(**parameters)["Resources"], "AWS::ApiGateway::Deployment"))


def list_words(value: Any) -> set[str]:
    return set(re.findall(r"\w+", json.dumps(value)))


@pytest.fixture(scope="module")
def names(template: dict[str, Any]) -> set[str]:
    """Return the parameters that the API's body names, by itself or by a condition."""
    # SAM has to know this one.
    unknown = dict.fromkeys(template["Parameters"].keys() - {"DeploymentPreference"}, UNKNOWN)
    [api] = select(translate(**unknown)["Resources"], "AWS::ApiGateway::RestApi").values()
    named, seen = list_words(api["Body"]), set()
    while conditions := (named & set(template["Conditions"])) - seen:
        seen |= conditions
        named |= list_words([template["Conditions"][each] for each in conditions])
    return named & set(template["Parameters"])


@pytest.mark.parametrize("name", PARAMETER_SETS)
def test_api_is_public_at_one_stage_only(name: str) -> None:
    resources = translate(**PARAMETER_SETS[name])["Resources"]
    [stage] = select(resources, "AWS::ApiGateway::Stage").values()
    [(logical_id, deployment)] = select(resources, "AWS::ApiGateway::Deployment").items()
    # A deployment with a name makes a stage by itself, which nothing throttles, logs or watches.
    assert not {"StageName", "StageDescription"} & set(deployment)
    assert (stage["StageName"], stage["DeploymentId"]) == ("api", {"Ref": logical_id})


def test_other_value_of_any_parameter_of_the_api_is_deployed(names: set[str]) -> None:
    assert names >= {"WebOrigin", "TokenCacheSeconds"}
    deployed = list_deployments()
    assert {name for name in names if list_deployments(**{name: "other"}) == deployed} == set()


def test_two_other_values_are_two_deployments(names: set[str]) -> None:
    for name in names:
        assert not list_deployments(**{name: "one"}) & list_deployments(**{name: "two"})


def test_same_api_is_not_deployed_again(template: dict[str, Any], names: set[str]) -> None:
    deployed = list_deployments()
    assert deployed == list_deployments()
    # CloudFormation hands values over as texts, whether they are given or left out.
    parameters = template["Parameters"].items()
    defaults = {name: str(each["Default"]) for name, each in parameters if "Default" in each}
    assert deployed == list_deployments(**defaults)
    others = template["Parameters"].keys() - names
    values = dict.fromkeys(others - {"DeploymentPreference"}, "other")
    assert deployed == list_deployments(**values, DeploymentPreference="AllAtOnce")


def test_what_is_said_for_the_deployment_does_not_change_how_long_a_token_counts(
    resources: dict[str, Any], template: dict[str, Any]
) -> None:
    [api] = select(resources, "AWS::ApiGateway::RestApi").values()
    authorizer = api["Body"]["securityDefinitions"]["UserAuthorizer"]
    kept = authorizer["x-amazon-apigateway-authorizer"]["authorizerResultTtlInSeconds"]
    index, values = kept["Fn::Select"]
    assert values[index] == template["Parameters"]["TokenCacheSeconds"]["Default"]
