"""The runbook against the template and AWS's own description of its API."""

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import botocore.session
import pytest
from botocore import xform_name

from workflow_manager.events.sqs import parse_body
from workflow_manager.services.trigger_airflow import ObjectCreated

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs/operations.md").read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```", RUNBOOK, re.MULTILINE | re.DOTALL)
ALARMS = (
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
)
PARTS = ("What it means.", "How to look.", "What to do.", "It is over")
# What the command line knows beside the API's parameters, and commands that are none of the API.
GLOBAL_OPTIONS = {"--query", "--output", "--region"}
PAYLOAD_OPTIONS = {"--cli-binary-format"}
OWN_COMMANDS = {("s3", "cp"), ("cloudformation", "deploy"), ("dynamodb", "wait")}
SERVICES = {"deploy": "codedeploy", "s3api": "s3"}
# Made by SAM out of function and event.
SCHEDULE = "ReconcileRunsFunctionEveryMinute"


def to_anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def list_anchors(text: str) -> list[str]:
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [to_anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]


def to_words(alarm: str) -> str:
    return "-".join(re.findall(r"[A-Z][a-z]+", alarm)).lower()


def read_entry(anchor: str) -> str:
    parts = re.split(r"^(#+ [A-Z].*)$", RUNBOOK, flags=re.MULTILINE)
    [entry] = [body for head, body in pairwise(parts) if to_anchor(head.lstrip("# ")) == anchor]
    return entry


def find_commands() -> list[str]:
    """Return each call of the command line, in blocks and in text, as one line."""
    joined = [block.replace("\\\n", " ") for block in BLOCKS]
    text = re.sub(r"^```.*?^```", "", RUNBOOK, flags=re.MULTILINE | re.DOTALL)
    lines = [*"\n".join(joined).splitlines(), *re.findall(r"`(aws [^`]+)`", text)]
    return [each for line in lines for each in re.findall(r"\baws [a-z0-9-]+ [a-z].*", line)]


def read_call(command: str) -> tuple[str, str, set[str]]:
    service, operation = command.split()[1:3]
    operation = operation.rstrip(";)\"'`")
    # Text in quotes, and what follows in a pipe, holds no option of ours.
    bare = re.sub(r"'[^']*'", "", command.split(" | ")[0])
    return service, operation, set(re.findall(r"(?<=\s)--[a-z][a-z0-9-]*", bare))


CALLS = sorted({(*read_call(each)[:2], *sorted(read_call(each)[2])) for each in find_commands()})


@pytest.mark.parametrize("alarm", ALARMS)
def test_every_alarm_has_its_entry_and_a_line_in_the_table(alarm: str) -> None:
    anchor = to_words(alarm)

    assert f"| [{alarm}](#{anchor}) |" in RUNBOOK
    entry = read_entry(anchor)
    assert [part for part in PARTS if f"**{part}" not in entry] == []


def test_every_alarm_of_the_template_is_in_the_runbook(template: dict[str, Any]) -> None:
    alarms = {
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }

    assert alarms <= set(ALARMS)


def test_entries_stand_before_everything_else() -> None:
    anchors = list_anchors(RUNBOOK)

    assert anchors[:2] == ["operations", "when-an-alarm-goes-off"]
    assert [each for each in anchors[2:] if each.endswith("-alarm")] == anchors[2 : 2 + len(ALARMS)]
    assert anchors[2 : 2 + len(ALARMS)] == [to_words(alarm) for alarm in ALARMS]


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_command_is_one_that_aws_knows(call: tuple[str, ...]) -> None:
    service, command, options = call[0], call[1], set(call[2:])
    if (service, command) in OWN_COMMANDS:
        return
    model = botocore.session.get_session().get_service_model(SERVICES.get(service, service))
    operations = {xform_name(name, "-"): name for name in model.operation_names}

    assert command in operations
    shape = model.operation_model(operations[command]).input_shape
    known = {f"--{xform_name(name, '-')}" for name in shape.members} if shape else set()
    switched = {f"--no-{name[2:]}" for name in known}
    assert options <= known | switched | GLOBAL_OPTIONS | PAYLOAD_OPTIONS


def test_commands_are_found_at_all() -> None:
    assert len(CALLS) > 30
    assert ("sqs", "start-message-move-task") in {call[:2] for call in CALLS}


def test_blocks_are_a_shells() -> None:
    for block in BLOCKS:
        assert shlex.split(block, comments=True)


def test_names_of_the_stack_are_the_templates(template: dict[str, Any]) -> None:
    outputs = set(re.findall(r"\boutput (\w+)\)", RUNBOOK))
    resources = set(re.findall(r"\bname_of (\w+)\)", RUNBOOK)) - {SCHEDULE}

    assert outputs
    assert outputs <= set(template["Outputs"])
    assert resources
    assert resources <= set(template["Resources"])


def test_schedule_has_the_name_that_sam_gives_it(translated: dict[str, Any]) -> None:
    assert translated["Resources"][SCHEDULE]["Type"] == "AWS::Events::Rule"


def test_message_that_is_sent_again_is_read_as_s3s() -> None:
    assert 'eventName: "ObjectCreated:Put"' in RUNBOOK
    entry = {"key": "acquisition%2Fw%2Ft%2Fa%20b.h5", "versionId": "v1", "size": 4}
    record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": entry}}

    [command] = parse_body(json.dumps({"Records": [record]}))

    assert isinstance(command, ObjectCreated)
    assert (command.data.key, command.data.version_id) == ("acquisition/w/t/a b.h5", "v1")


@pytest.mark.parametrize("name", ["docs/operations.md", "SECURITY.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", page.read_text()):
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in list_anchors(file.read_text()), target


def test_tests_that_security_names_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (ROOT / "SECURITY.md").read_text())

    assert len(named) > 15
    for path, test in named:
        assert f"def {test}(" in (ROOT / path).read_text(), test


def test_every_threat_has_a_measure_and_a_test() -> None:
    table = (ROOT / "SECURITY.md").read_text().partition("## Threats")[2]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]

    assert rows
    assert [row[0] for row in rows if len(row) != 3 or "::test_" not in row[2]] == []
