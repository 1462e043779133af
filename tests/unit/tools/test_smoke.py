"""What the doctor is told by `make smoke`: URL and web page; the token in the environment only."""

import json
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.state import Stack
from tests.fakes.aws_account import FakeAws
from tools import smoke

URL = "https://abc.execute-api.eu-central-1.amazonaws.com/api/v1/workflowmanager"
STACK = "scanhub-workflow-manager-dev"
TOKEN = "a-laptop-token"


class Doctor:
    """Notes how it is called."""

    returncode = 1

    def __init__(self) -> None:
        self.command: list[str] = []
        self.environ: dict[str, str] = {}

    def __call__(self, command: list[str], env: dict[str, str], check: bool) -> "Doctor":
        self.command, self.environ = command, env
        return self


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Doctor:
    doctor = Doctor()
    monkeypatch.setattr(smoke.subprocess, "run", doctor)
    monkeypatch.setenv("SCANHUB_LOCAL_DIR", str(tmp_path))
    monkeypatch.setenv("SCANHUB_WORKFLOW_URL", "https://another.test/workflowmanager")
    return doctor


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    aws = FakeAws()
    monkeypatch.setattr(smoke, "Aws", lambda region, profile: aws)
    return aws


def test_any_url_is_examined_with_the_doctors_verdict(doctor: Doctor) -> None:
    # As make calls it: what is not given is empty
    assert smoke.main(["--url", URL, "--to", ""]) == doctor.returncode
    assert doctor.command[1:] == ["-m", "scanhub_workflow", "doctor", "--token-optional"]
    assert doctor.environ["SCANHUB_WORKFLOW_URL"] == URL


def test_laptop_is_examined_with_its_own_token(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCANHUB_WORKFLOW_TOKEN", "that-of-another")
    stack = {field.name: "x" for field in fields(Stack)} | {"api_url": URL, "token": TOKEN}
    (tmp_path / "stack.json").write_text(json.dumps(stack))
    assert smoke.main(["--url", "", "--to", ""]) == 1
    assert doctor.environ["SCANHUB_WORKFLOW_TOKEN"] == TOKEN
    assert TOKEN not in " ".join(doctor.command)


def test_laptop_that_is_not_up_is_told(doctor: Doctor, capsys: pytest.CaptureFixture[str]) -> None:
    assert smoke.main(["--url", "", "--to", ""]) == 1
    assert "make up" in capsys.readouterr().err
    assert not doctor.command


def describe(**more: Any) -> dict[str, Any]:
    stack = {
        "StackName": STACK,
        "StackStatus": "CREATE_COMPLETE",
        "CreationTime": datetime.now(UTC),
    }
    return {"Stacks": [stack | more]}


def test_what_is_deployed_is_examined_for_its_web_page(doctor: Doctor, aws: FakeAws) -> None:
    outputs = [{"OutputKey": "ApiUrl", "OutputValue": URL}]
    origin = {"ParameterKey": "WebOrigin", "ParameterValue": "https://scanhub.clinic"}
    aws.say("cloudformation", "describe_stacks", describe(Outputs=outputs, Parameters=[origin]))
    assert smoke.main(["--url", "", "--to", "dev"]) == 1
    assert doctor.environ["SCANHUB_WORKFLOW_URL"] == URL
    assert doctor.command[-2:] == ["--web-origin", "https://scanhub.clinic"]


def test_what_is_not_deployed_is_told(
    doctor: Doctor, aws: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.say("cloudformation", "describe_stacks", describe())
    assert smoke.main(["--to", "dev"]) == 1
    message = f"Stack with id {STACK} does not exist"
    aws.refuse("cloudformation", "describe_stacks", "ValidationError", message)
    assert smoke.main(["--to", "dev"]) == 1
    aws.deny("cloudformation", "describe_stacks")
    assert smoke.main(["--to", "dev"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [f"{STACK} is not deployed" in line for line in told] == [True, True, False]
    assert "cloudformation:DescribeStacks" in told[2]
    assert not doctor.command
