"""What AWS does between the table and the bus, much of which no emulator does."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cfnlint.api import ManualArgs, lint

from tests.readme import read_failure_rule, read_failure_template
from workflow_manager.domain.dag_run import DagRunState
from workflow_manager.domain.entity import Cause, record_event
from workflow_manager.domain.notification import make_notification
from workflow_manager.domain.task import TaskStatus
from workflow_manager.domain.workflow import WorkflowStatus
from workflow_manager.notifications.eventbridge import EVENTBRIDGE_SOURCE

OPERATIONS = Path(__file__).parents[2] / "docs/operations.md"
STREAM_READS = {
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
}


def read_source(translated: dict[str, Any]) -> dict[str, Any]:
    return dict(translated["Resources"]["AuditTrailStream"]["Properties"])


def test_stream_of_the_table_holds_new_items(translated: dict[str, Any]) -> None:
    table = translated["Resources"]["StateTable"]["Properties"]
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    source = read_source(translated)
    assert source["EventSourceArn"] == {"Fn::GetAtt": ["StateTable", "StreamArn"]}
    # LATEST may miss what is written while the mapping is being made.
    assert source["StartingPosition"] == "TRIM_HORIZON"


def test_publish_events_is_called_for_new_lines_of_the_audit_trail_only(
    translated: dict[str, Any],
) -> None:
    [each] = read_source(translated)["FilterCriteria"]["Filters"]
    assert json.loads(each["Pattern"]) == {
        "eventName": ["INSERT"],
        "dynamodb": {"Keys": {"SK": {"S": [{"prefix": "EVENT#"}]}}},
    }


def test_what_cannot_be_published_ends_in_the_dead_letter_queue(
    translated: dict[str, Any],
) -> None:
    source = read_source(translated)
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BisectBatchOnFunctionError"] is True
    assert 0 < source["MaximumRetryAttempts"] <= 100
    assert 0 < source["MaximumRecordAgeInSeconds"] <= 3600
    destination = source["DestinationConfig"]["OnFailure"]["Destination"]
    assert destination == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}


def test_publish_events_may_read_the_stream_put_events_and_give_up_no_more(
    translated: dict[str, Any],
) -> None:
    role = translated["Resources"]["PublishEventsFunctionRole"]["Properties"]
    [policy] = role["Policies"]
    allowed = [
        (set(statement["Action"]), statement["Resource"])
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    assert allowed == [
        ({"events:PutEvents"}, {"Fn::GetAtt": ["ScanHubEventBus", "Arn"]}),
        (STREAM_READS, {"Fn::Sub": "${StateTable.Arn}/stream/*"}),
        ({"dynamodb:ListStreams"}, "*"),
        ({"sqs:SendMessage"}, {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}),
    ]
    assert "DynamoDB" not in json.dumps(role["ManagedPolicyArns"])


def test_readme_shows_a_template_that_cfn_lint_accepts() -> None:
    config = ManualArgs(regions=["eu-central-1"], include_checks=["W", "I"])
    problems = lint(read_failure_template(), config=config)
    assert [str(problem) for problem in problems] == []


def test_readme_shows_a_rule_that_an_event_of_ours_matches() -> None:
    pattern = read_failure_rule()["EventPattern"]
    cause = Cause(actor="receive_results", request_id="r", at=datetime.now(UTC))
    event = record_event("workflow:w", "task:t", "fail", ("IN_PROGRESS", "FAILED"), cause)
    data = make_notification(event).data
    assert pattern["source"] == [EVENTBRIDGE_SOURCE]
    assert set(pattern["detail"]["data"]) <= set(data)
    assert {TaskStatus.FAILED, DagRunState.FAILED, WorkflowStatus.FAILED} == set(
        pattern["detail"]["data"]["to_state"]
    )


def test_operations_shows_an_event_as_we_send_it() -> None:
    [text] = re.findall(r"```json\n(.*?)```", OPERATIONS.read_text(), re.DOTALL)
    shown = json.loads(text)
    data = shown["data"]
    states = (data["from_state"], data["to_state"])
    cause = Cause(actor="a", request_id="r", at=datetime.fromisoformat(shown["time"]))
    subject = f"workflow:{data['workflow_id']}"
    event = record_event(subject, f"task:{data['task_id']}", data["event"], states, cause)
    sent = make_notification(event).to_cloud_event()
    assert shown | {"id": sent["id"]} == sent
    assert len(shown["id"]) == len(sent["id"])
