"""What wakes whom, and where it is written what to do then."""

import json
import re
from typing import Any

import pytest

from tests.infra.conftest import select
from workflow_manager.domain.dag_run import LAST_RETRY_S

ALARMS = {
    "DeadLetterAlarm",
    "QueueAgeAlarm",
    "ServerErrorAlarm",
    "ThrottleAlarm",
    "FunctionErrorAlarm",
    "ReconcilerSilentAlarm",
    "RunsPastDeadlineAlarm",
    "MissingPermissionAlarm",
}
OURS = [
    {"Name": "service", "Value": "workflow-manager"},
    {"Name": "stack", "Value": {"Ref": "AWS::StackName"}},
]


@pytest.fixture
def alarms(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return select(resources, "AWS::CloudWatch::Alarm")


def test_every_alarm_is_told_to_the_topic_when_it_comes_and_when_it_goes(
    alarms: dict[str, dict[str, Any]],
) -> None:
    assert set(alarms) == ALARMS
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_alarm_says_where_its_runbook_is_and_what_silence_means(
    alarms: dict[str, dict[str, Any]], name: str
) -> None:
    anchor = re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
    assert alarms[name]["AlarmDescription"].endswith(f" docs/operations.md#{anchor}")
    silence = "missing" if name == "ReconcilerSilentAlarm" else "notBreaching"
    assert alarms[name]["TreatMissingData"] == silence


def test_somebody_is_told_if_an_address_is_given(resources: dict[str, Any]) -> None:
    subscription = resources["AlarmSubscription"]
    assert subscription["Condition"] == "HasAlarmEmail"
    assert subscription["Properties"]["TopicArn"] == {"Ref": "AlarmTopic"}


def test_silent_reconciler_is_told_after_ten_minutes_and_a_new_one_is_not(
    alarms: dict[str, dict[str, Any]],
) -> None:
    alarm = alarms["ReconcilerSilentAlarm"]
    [dimension] = alarm["Dimensions"]
    assert (alarm["MetricName"], alarm["ComparisonOperator"]) == (
        "Invocations",
        "LessThanThreshold",
    )
    assert dimension["Value"] == {"Ref": "ReconcileRunsFunction"}
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 600
    # A function that is not called has no data: so a new alarm begins, and later it is a change.
    assert alarm["TreatMissingData"] == "missing"
    assert alarm["InsufficientDataActions"] == [{"Ref": "AlarmTopic"}]


def test_runs_past_their_deadline_are_those_of_this_stack(
    alarms: dict[str, dict[str, Any]], template: dict[str, Any]
) -> None:
    alarm = alarms["RunsPastDeadlineAlarm"]
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert (alarm["Namespace"], alarm["Dimensions"]) == ("ScanHub", OURS)
    assert variables["STACK_NAME"] == {"Ref": "AWS::StackName"}


def test_first_missing_permission_rings_and_goes_on_while_it_is_tried_again(
    alarms: dict[str, dict[str, Any]],
) -> None:
    alarm = alarms["MissingPermissionAlarm"]
    assert (alarm["Namespace"], alarm["Dimensions"]) == ("ScanHub", OURS)
    # What `note_missing_permission` counts; one of it within a minute is enough.
    assert (alarm["MetricName"], alarm["Statistic"], alarm["Period"]) == (
        "MissingPermission",
        "Sum",
        60,
    )
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert alarm["DatapointsToAlarm"] == 1
    # Else it would come and go, with an e-mail each, whenever a waiting run is tried again.
    assert alarm["Period"] * alarm["EvaluationPeriods"] > LAST_RETRY_S


def test_errors_of_all_functions_without_a_caller_count(
    alarms: dict[str, dict[str, Any]], functions: dict[str, Any]
) -> None:
    counted = json.dumps(alarms["FunctionErrorAlarm"]["Metrics"])
    without_api = {
        name
        for name, function in functions.items()
        if not any(event["Type"] == "Api" for event in function.get("Events", {}).values())
    }
    # A failing authorizer is a 503 of the API.
    for name in without_api - {"AuthorizeRequestFunction"}:
        assert f'"Ref": "{name}"' in counted


def test_dashboard_is_json_and_shows_every_alarm(resources: dict[str, Any]) -> None:
    body, values = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    text = body.replace("${Ours}", values["Ours"]["Fn::Sub"])
    shown = json.loads(re.sub(r"\$\{[\w:.]+\}", "x", text))
    titles = [widget["properties"]["title"] for widget in shown["widgets"]]
    assert all(f"${{{name}.Arn}}" in body for name in ALARMS)
    assert "Runs by outcome" in titles


def test_api_logs_the_path_of_the_template_and_nothing_of_the_caller(
    resources: dict[str, Any],
) -> None:
    [stage] = select(resources, "AWS::ApiGateway::Stage").values()
    fields = set(json.loads(stage["AccessLogSetting"]["Format"]).values())
    assert fields == {
        "$context.requestId",
        "$context.requestTimeEpoch",
        "$context.httpMethod",
        "$context.resourcePath",
        "$context.status",
        "$context.error.responseType",
        "$context.responseLatency",
        "$context.integrationLatency",
        "$context.xrayTraceId",
    }
    [settings] = stage["MethodSettings"]
    # Execution logs would hold tokens and bodies.
    assert (settings["LoggingLevel"], settings["DataTraceEnabled"]) == ("OFF", False)


def test_api_is_throttled_by_parameters(template: dict[str, Any]) -> None:
    [settings] = template["Resources"]["Api"]["Properties"]["MethodSettings"]
    assert settings["ThrottlingRateLimit"] == {"Ref": "ApiRate"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ApiBurst"}
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")


def test_all_logs_are_kept_as_long_as_the_parameter_says(
    resources: dict[str, Any], template: dict[str, Any]
) -> None:
    for name in select(resources, "AWS::Logs::LogGroup"):
        kept = template["Resources"][name]["Properties"]["RetentionInDays"]
        assert kept == {"Ref": "LogRetentionDays"}
    for function in select(resources, "AWS::Lambda::Function").values():
        assert function["LoggingConfig"]["LogGroup"] == {"Ref": "FunctionLogs"}
