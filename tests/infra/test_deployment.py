"""New code and new parameters reach the callers, at once or gradually, and never by half."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cfnlint.template import Template
from networkx import simple_cycles

from local.config import StackError
from tests.infra.conftest import select, translate
from tools.environment import read_environment
from tools.layer import mark_layer

ROOT = Path(__file__).parents[2]
CONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text())
ENVIRONMENTS = ("dev", "staging", "prod")
EVENT_FUNCTIONS = {
    "TriggerAirflowFunction",
    "FollowChangesFunction",
    "SimulateReconstructionFunction",
    "PublishEventsFunction",
    "ReconcileRunsFunction",
}
# An operator waits for them, and for the authorizer before each.
OPERATORS_FUNCTIONS = {
    f"{name}Function"
    for name in (
        "AuthorizeRequest CancelDagRun CancelTask CancelWorkflow CheckReadiness GetConsole"
        " GetWorkflow ListDagRuns ListWorkflows ProcessWorkflow RetryDagRun RetryTask RetryWorkflow"
        " TriggerTask"
    ).split()
}
# They are only in the cloud, as CodeDeploy is.
CRASHES, FUNCTION_ERRORS = (
    {"Fn::If": ["IsDeployed", {"Ref": name}, {"Ref": "AWS::NoValue"}]}
    for name in ("CrashAlarm", "FunctionErrorAlarm")
)


def list_versions(translated: dict[str, Any]) -> set[str]:
    return set(select(translated["Resources"], "AWS::Lambda::Version"))


def test_every_function_is_published_as_live(resources: dict[str, Any]) -> None:
    aliases = select(resources, "AWS::Lambda::Alias")
    assert len(aliases) == len(select(resources, "AWS::Lambda::Function")) == 37
    assert {alias["Name"] for alias in aliases.values()} == {"live"}


@pytest.mark.parametrize("snap_start", ["None", "Operators", "PublishedVersions"])
def test_functions_start_from_snapshots_as_chosen(
    resources: dict[str, Any], template: dict[str, Any], snap_start: str
) -> None:
    functions = select(resources, "AWS::Lambda::Function")
    # What the conditions say of each value.
    true = {
        "None": set(),
        "Operators": {"OperatorsStartFromSnapshots"},
        "PublishedVersions": {"OperatorsStartFromSnapshots", "AllStartFromSnapshots"},
    }[snap_start]
    assert template["Conditions"]["AllStartFromSnapshots"] == {
        "Fn::Equals": [{"Ref": "SnapStart"}, "PublishedVersions"]
    }
    assert template["Conditions"]["OperatorsStartFromSnapshots"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "SnapStart"}, "None"]}]
    }

    chosen = set()
    for name, function in functions.items():
        condition, applied, otherwise = function["SnapStart"]["ApplyOn"]["Fn::If"]
        assert (applied, otherwise) == ("PublishedVersions", "None")
        chosen |= {name} if condition in true else set()

    expected = {"None": set(), "Operators": OPERATORS_FUNCTIONS, "PublishedVersions": {*functions}}
    assert chosen == expected[snap_start]


def in_aws(value: Any) -> Any:
    """Return a value as it is where sam local does not read it."""
    if isinstance(value, dict):
        chosen = value.get("Fn::If", [None])
        is_choice = chosen[0] == "IsSamLocal"
        return in_aws(chosen[2]) if is_choice else {k: in_aws(v) for k, v in value.items()}
    return [in_aws(each) for each in value] if isinstance(value, list) else value


def test_nothing_calls_a_function_but_by_its_alias(resources: dict[str, Any]) -> None:
    resources = in_aws(resources)
    called = [
        *(each["FunctionName"] for each in select(resources, "AWS::Lambda::Permission").values()),
        *(
            each["FunctionName"]
            for each in select(resources, "AWS::Lambda::EventSourceMapping").values()
        ),
        *(
            target["Arn"]
            for rule in select(resources, "AWS::Events::Rule").values()
            for target in rule["Targets"]
        ),
    ]
    assert len(called) > 30
    assert all(each["Ref"].endswith("FunctionAliaslive") for each in called)

    [api] = select(resources, "AWS::ApiGateway::RestApi").values()
    invoked = set(re.findall(r"\w+Function\w*", str(api["Body"]))) - {"__FunctionArn__"}
    assert {name for name in invoked if not name.endswith("Aliaslive")} == set()


def test_new_layer_publishes_every_function_anew() -> None:
    assert not list_versions(translate()) & list_versions(translate(layer="2"))


def test_same_layer_publishes_nothing() -> None:
    assert list_versions(translate()) == list_versions(translate())


def test_other_parameters_make_another_layer(tmp_path: Path) -> None:
    # SAM does not publish for a parameter's value, so `make deploy` writes it into the layer.
    layer = tmp_path / "WorkflowManagerLayer"
    layer.mkdir()

    def mark(*overrides: str) -> str:
        mark_layer(tmp_path, overrides)
        return (layer / "parameters.sha256").read_text()

    first = mark("AutoAdvance=true", "LogRetentionDays=7")
    assert first == mark("LogRetentionDays=7", "AutoAdvance=true")
    assert first != mark("LogRetentionDays=7", "AutoAdvance=false")


def test_code_goes_live_without_codedeploy_unless_asked(resources: dict[str, Any]) -> None:
    assert not [name for name in resources if "Deploy" in resources[name]["Type"].split("::")[1]]
    assert not any("UpdatePolicy" in resource for resource in resources.values())


def test_gradual_deployment_goes_back_at_an_alarm() -> None:
    resources = translate(DeploymentPreference="Canary10Percent5Minutes")["Resources"]
    groups = select(resources, "AWS::CodeDeploy::DeploymentGroup")
    assert len(groups) == 37
    for name, group in groups.items():
        alarms = [each["Name"] for each in group["AlarmConfiguration"]["Alarms"]]
        is_event_function = name.removesuffix("DeploymentGroup") in EVENT_FUNCTIONS
        expected = [{"Ref": "ServerErrorAlarm"}, CRASHES, FUNCTION_ERRORS]
        assert alarms == expected[: 2 + is_event_function]
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert len(resources) < 500


@pytest.mark.parametrize("preference", ["None", "Canary10Percent5Minutes"])
def test_no_resources_wait_for_each_other(preference: str) -> None:
    # An alias waits for its deployment group, that for its alarms, those for functions.
    translated = translate(DeploymentPreference=preference)
    waiting = Template("template.yaml", translated, ["eu-central-1"]).graph
    assert waiting
    assert next(simple_cycles(waiting.graph), None) is None


def test_emulator_gets_nothing_that_it_lacks(resources: dict[str, Any]) -> None:
    # The laptop's emulator translates with the defaults, whatever parameters it is given.
    emulated = {
        name: resource
        for name, resource in resources.items()
        if resource.get("Condition") != "IsDeployed"
    }
    alarms = select(emulated, "AWS::CloudWatch::Alarm")
    assert not any("Metrics" in alarm for alarm in alarms.values())
    assert not select(emulated, "AWS::CloudWatch::Dashboard")
    assert not select(emulated, "AWS::XRay::SamplingRule")
    assert not select(emulated, "AWS::CodeDeploy::Application")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_samconfig_sets_parameters_of_the_template(
    environment: str, template: dict[str, Any]
) -> None:
    for name, value in read_environment(environment).overrides.items():
        allowed = template["Parameters"][name].get("AllowedValues", [value])
        assert value in [str(each) for each in allowed]


def test_each_environment_is_a_stack_of_its_own() -> None:
    names = {CONFIG[each]["global"]["parameters"]["stack_name"] for each in ENVIRONMENTS}
    assert len(names) == len(ENVIRONMENTS)


def test_prod_is_gradual_protected_and_asks_before_it_changes() -> None:
    overrides = read_environment("prod").overrides
    assert overrides["DeletionProtection"] == "true"
    assert overrides["DeploymentPreference"] == "Canary10Percent5Minutes"
    assert CONFIG["prod"]["deploy"]["parameters"]["confirm_changeset"] is True


@pytest.mark.parametrize("environment", ["", "production", "version"])
def test_unknown_environment_is_refused_with_those_there_are(environment: str) -> None:
    with pytest.raises(StackError, match="TO=name, with one of default, dev, staging, prod"):
        read_environment(environment)


def test_every_parameter_is_described_and_stands_in_one_group(template: dict[str, Any]) -> None:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])
    assert all(each["Description"].endswith(".") for each in template["Parameters"].values())
