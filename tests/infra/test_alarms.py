"""What wakes whom, and where it is written what to do then."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import pytest

from tests.infra.aws_metrics import AWS_METRICS
from tests.infra.conftest import select
from workflow_manager.domain.dag_run import LAST_RETRY_S

ALARMS = {
    "DeadLetterAlarm",
    "QueueAgeAlarm",
    "ServerErrorAlarm",
    "CrashAlarm",
    "UpstreamFailureAlarm",
    "ThrottleAlarm",
    "FunctionErrorAlarm",
    "ReconcilerSilentAlarm",
    "RunsPastDeadlineAlarm",
    "MissingPermissionAlarm",
    "ScanStartsFailedAlarm",
    "AirflowUnhealthyAlarm",
    "RunsWaitingAlarm",
    "DegradedAlarm",
}
# What silence means where it is not that all is well: the reconciler is away, or nobody knows.
SILENCE = {
    "ReconcilerSilentAlarm": "missing",
    "AirflowUnhealthyAlarm": "ignore",
    "RunsWaitingAlarm": "ignore",
    "DegradedAlarm": "ignore",
}


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
    assert alarms[name]["TreatMissingData"] == SILENCE.get(name, "notBreaching")


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


def test_functions_are_told_whose_metrics_theirs_are(template: dict[str, Any]) -> None:
    # What they count, tests/unit/functions/test_alarms.py compares with the alarms.
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["STACK_NAME"] == {"Ref": "AWS::StackName"}


def test_first_missing_permission_rings_and_goes_on_while_it_is_tried_again(
    alarms: dict[str, dict[str, Any]],
) -> None:
    alarm = alarms["MissingPermissionAlarm"]
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


def list_watched(alarms: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield namespace, name and dimensions of each metric that alarms look at."""
    for alarm in alarms.values():
        several = [
            each["MetricStat"]["Metric"]
            for each in alarm.get("Metrics", [])
            if "MetricStat" in each
        ]
        for metric in several or [alarm]:
            dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions", [])}
            yield metric["Namespace"], metric["MetricName"], dimensions


def list_shown(resources: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the same of the dashboard, with what is filled in as CloudFormation would name it."""
    for widget in read_dashboard(resources)["widgets"]:
        for namespace, name, *rest in widget["properties"].get("metrics", []):
            words = [each for each in rest if isinstance(each, str)]
            values = [to_reference(each) for each in words[1::2]]
            yield namespace, name, dict(zip(words[::2], values, strict=True))


def to_reference(text: str) -> Any:
    name, _, attribute = text.removeprefix("${").removesuffix("}").partition(".")
    if not text.startswith("${"):
        return text
    return {"Fn::GetAtt": [name, attribute]} if attribute else {"Ref": name}


def read_dashboard(resources: dict[str, Any]) -> dict[str, Any]:
    body, values = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    return dict(json.loads(body.replace("${Ours}", values["Ours"]["Fn::Sub"])))


def test_metrics_of_aws_are_there_by_these_dimensions(
    alarms: dict[str, dict[str, Any]], resources: dict[str, Any]
) -> None:
    looked_at = [*list_watched(alarms), *list_shown(resources)]
    of_aws = [each for each in looked_at if str(each[0]).startswith("AWS/")]

    assert len(of_aws) > 15
    for namespace, name, dimensions in of_aws:
        assert frozenset(dimensions) in AWS_METRICS[namespace, name], (namespace, name)
        for dimension, value in dimensions.items():
            assert value in list_values(resources, dimension), (name, dimension)


def list_values(resources: dict[str, Any], dimension: str) -> list[Any]:
    """Return what a dimension of AWS may be in this stack."""
    match dimension:
        case "FunctionName":
            return [{"Ref": name} for name in select(resources, "AWS::Lambda::Function")]
        case "QueueName":
            queues = select(resources, "AWS::SQS::Queue")
            return [{"Fn::GetAtt": [name, "QueueName"]} for name in queues]
        case "ApiName":
            return [api["Name"] for api in select(resources, "AWS::ApiGateway::RestApi").values()]
        case "Stage":
            stages = select(resources, "AWS::ApiGateway::Stage").values()
            return [stage["StageName"] for stage in stages]
    return []


def test_dead_letter_alarm_looks_where_all_that_fails_ends(
    alarms: dict[str, dict[str, Any]], resources: dict[str, Any]
) -> None:
    [dimension] = alarms["DeadLetterAlarm"]["Dimensions"]
    queue, _ = dimension["Value"]["Fn::GetAtt"]
    queues = select(resources, "AWS::SQS::Queue")
    # The reconciler does what a message of the FIFO queue did not bring about.
    sources = [each for name, each in queues.items() if name != queue and "FifoQueue" not in each]
    redrives = [each["RedrivePolicy"] for each in sources]
    streams = select(resources, "AWS::Lambda::EventSourceMapping").values()
    ends = [each["deadLetterTargetArn"] for each in redrives]
    ends += [
        each["DestinationConfig"]["OnFailure"]["Destination"]
        for each in streams
        if "DestinationConfig" in each
    ]

    assert ends == [{"Fn::GetAtt": [queue, "Arn"]}] * 3


def test_only_the_schedule_calls_a_function_without_waiting(resources: dict[str, Any]) -> None:
    # Another one would need an alarm on what Lambda drops.
    callers = [each["Principal"] for each in select(resources, "AWS::Lambda::Permission").values()]
    rules = select(resources, "AWS::Events::Rule")

    assert set(callers) == {"apigateway.amazonaws.com", "events.amazonaws.com"}
    assert callers.count("events.amazonaws.com") == len(rules) == 1


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


def test_crashes_count_whoever_they_meet_but_for_tokens_that_nobody_can_check(
    alarms: dict[str, dict[str, Any]], resources: dict[str, Any]
) -> None:
    # Lambda reports each call in the one log of all functions, also of one that cannot be loaded.
    [counted] = select(resources, "AWS::Logs::MetricFilter").values()
    [written] = counted["MetricTransformations"]
    names = {each["Id"]: each for each in alarms["CrashAlarm"]["Metrics"]}

    assert counted["LogGroupName"] == {"Ref": "FunctionLogs"}
    assert counted["FilterPattern"] == (
        '{ ($.type = "platform.report") && ($.record.status != "success") }'
    )
    crashes = names["crashes"]["MetricStat"]["Metric"]
    assert (crashes["Namespace"], crashes["MetricName"]) == (
        written["MetricNamespace"],
        written["MetricName"],
    )
    assert names["unforeseen"]["Expression"] == "FILL(crashes, 0) - FILL(unchecked, 0)"


def test_what_comes_in_masses_is_traced_seldom(resources: dict[str, Any]) -> None:
    rules = [each["SamplingRule"] for each in select(resources, "AWS::XRay::SamplingRule").values()]
    [api] = select(resources, "AWS::ApiGateway::RestApi").values()
    [stage] = select(resources, "AWS::ApiGateway::Stage").values()
    callbacks = [
        path for path in api["Body"]["paths"] if fnmatch(f"/api{path}/", "*/result*_ready/*")
    ]

    assert api["Name"] == {"Ref": "AWS::StackName"}
    for rule in rules:
        assert rule["ServiceName"] == {"Fn::Sub": f"${{AWS::StackName}}/{stage['StageName']}"}
        assert rule["ReservoirSize"] == 0
    assert {(each["HTTPMethod"], each["URLPath"]) for each in rules} == {
        ("GET", "*"),
        ("POST", "*/result*_ready/*"),
    }
    assert len(callbacks) == 2


def test_no_alarm_counts_all_5xx_of_the_api(alarms: dict[str, dict[str, Any]]) -> None:
    # It holds outages of neighbours, in which anybody may ask on; two alarms stop deployments.
    assert "5XXError" not in {name for _, name, _ in list_watched(alarms)}


def test_dashboard_is_json_and_shows_every_alarm(resources: dict[str, Any]) -> None:
    shown = read_dashboard(resources)["widgets"]
    assert set(shown[0]["properties"]["alarms"]) == {f"${{{name}.Arn}}" for name in ALARMS}
    places = [(each["x"], each["y"]) for each in shown]
    assert len(set(places)) == len(places)


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
    # Execution logs would hold tokens and bodies.
    for settings in stage["MethodSettings"]:
        assert (settings["LoggingLevel"], settings["DataTraceEnabled"]) == ("OFF", False)


def test_api_is_throttled_by_parameters(template: dict[str, Any]) -> None:
    settings, login = template["Resources"]["Api"]["Properties"]["MethodSettings"]
    assert settings["ThrottlingRateLimit"] == {"Ref": "ApiRate"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ApiBurst"}
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    # API Gateway knows a path here by ~1 for each slash but the first.
    path = template["Resources"]["LogInFunction"]["Properties"]["Events"]["Http"]["Properties"][
        "Path"
    ]
    assert login["ResourcePath"] == "/" + path.replace("/", "~1")
    assert (login["HttpMethod"], login["ThrottlingRateLimit"]) == ("POST", 1)


def test_all_logs_are_kept_as_long_as_the_parameter_says(
    resources: dict[str, Any], template: dict[str, Any]
) -> None:
    for name in select(resources, "AWS::Logs::LogGroup"):
        kept = template["Resources"][name]["Properties"]["RetentionInDays"]
        assert kept == {"Ref": "LogRetentionDays"}
    for function in select(resources, "AWS::Lambda::Function").values():
        assert function["LoggingConfig"]["LogGroup"] == {"Ref": "FunctionLogs"}
        # That still writes each report whose status is not success, which the alarm counts.
        assert function["LoggingConfig"]["SystemLogLevel"] == "WARN"
