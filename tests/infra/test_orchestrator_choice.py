"""Who may call Airflow, and by which right: decided by the parameters that name it."""

from typing import Any

import pytest

CALLERS = {
    "CreateUpload",
    "FollowChanges",
    "GetDagRun",
    "ListAvailableTasks",
    "ProcessWorkflow",
    "ReconcileRuns",
    "TriggerAirflow",
    "UploadAndTrigger",
    "ValidateWorkflow",
}
ABSENT = {"Ref": "AWS::NoValue"}


@pytest.fixture
def access(translated: dict[str, Any]) -> dict[str, Any]:
    return dict(translated["Resources"]["OrchestratorAccess"])


def test_access_exists_only_with_an_orchestrator(access: dict[str, Any]) -> None:
    assert access["Condition"] == "HasOrchestrator"


def test_access_is_to_one_role_in_mwaa_or_one_secret(access: dict[str, Any]) -> None:
    rights = {}
    for statement in access["Properties"]["PolicyDocument"]["Statement"]:
        condition, right, otherwise = statement["Fn::If"]
        assert otherwise == ABSENT
        rights[condition] = (right["Action"], right["Resource"])

    role = (
        "arn:${AWS::Partition}:airflow:${AWS::Region}:${AWS::AccountId}:"
        "role/${MwaaEnvironmentName}/User"
    )
    assert set(rights) == {"HasMwaa", "HasAirflowSecret"}
    actions, resource = rights["HasMwaa"]
    # The translation fills in the parameters that are known.
    assert (actions, resource["Fn::Sub"].rpartition("role/")[0]) == (
        ["airflow:InvokeRestApi"],
        role.rpartition("role/")[0],
    )
    assert resource["Fn::Sub"].endswith("/User")
    assert rights["HasAirflowSecret"][0] == ["secretsmanager:GetSecretValue"]


def test_only_callers_of_airflow_have_access(translated: dict[str, Any]) -> None:
    granted = {"Fn::If": ["HasOrchestrator", {"Ref": "OrchestratorAccess"}, ABSENT]}
    having = {
        name.removesuffix("FunctionRole")
        for name, resource in translated["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role"
        and granted in resource["Properties"].get("ManagedPolicyArns", [])
    }
    assert having == CALLERS


def test_only_the_reconciler_keeps_a_pace(functions: dict[str, Any]) -> None:
    intervals_s = {
        name: float(variables["AIRFLOW_REQUEST_INTERVAL_S"])
        for name, function in functions.items()
        if "AIRFLOW_REQUEST_INTERVAL_S"
        in (variables := function.get("Environment", {}).get("Variables", {}))
    }
    assert intervals_s == {"ReconcileRunsFunction": 0.1}


def test_nothing_about_airflow_must_be_given(template: dict[str, Any]) -> None:
    names = ("AirflowUrl", "AirflowSecretArn", "MwaaEnvironmentName")
    assert [template["Parameters"][name]["Default"] for name in names] == ["", "", ""]
    assert set(template["Rules"]) >= {"AirflowIsNamedOnce", "AirflowHasItsSecret"}
