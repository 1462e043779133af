"""A permission that is missing: who calls is told so, and so is the operator, once."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.fakes.aws_denials import (
    DENIALS,
    IN_PART,
    OTHER_REFUSALS,
    Call,
    Denial,
)
from tests.fakes.aws_wire import WireAnswer, answering
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.log import capture_log, read_log
from tests.integration.deployment import deploy
from workflow_manager import wiring
from workflow_manager.aws import AwsService, build_aws_client
from workflow_manager.domain.errors import MissingPermissionError
from workflow_manager.observability import metrics
from workflow_manager.orchestrators import mwaa
from workflow_manager.orchestrators.mwaa import MwaaOrchestrator

ROOT = Path(__file__).parents[2]
DIMENSIONS = {"service": "workflow-manager", "stack": "local"}
Watched = Callable[[Callable[[], object]], tuple[list[dict[str, Any]], list[float]]]


@pytest.fixture(autouse=True)
def clean() -> None:
    # What calls counted outside of a function.
    metrics.clear_metrics()


@pytest.fixture
def watch(capsys: pytest.CaptureFixture[str]) -> Watched:
    """Return what runs something as a function, and tells what it said and counted."""

    def run(act: Callable[[], object]) -> tuple[list[dict[str, Any]], list[float]]:
        capsys.readouterr()
        with capture_log() as stream:
            metrics.log_metrics(lambda event, context: act())({}, FakeLambdaContext())
        told = [line for line in read_log(stream) if line["message"] == "missing permission"]
        return told, read_counted(capsys.readouterr().out)

    return run


def read_counted(text: str) -> list[float]:
    counted: list[float] = []
    for line in text.splitlines():
        record = json.loads(line)
        if "MissingPermission" in record:
            [published] = record["_aws"]["CloudWatchMetrics"]
            assert published["Namespace"] == "ScanHub"
            assert {name: record[name] for name in published["Dimensions"][0]} == DIMENSIONS
            counted += record["MissingPermission"]
    return counted


def build(service: AwsService) -> Any:
    config = Config(retries={"mode": "standard", "total_max_attempts": 2})
    if service == "mwaa":
        config = config.merge(Config(inject_host_prefix=False))
    return build_aws_client(service, config, total_s=10)


def test_every_service_has_its_denials() -> None:
    assert {denial.service for denial in DENIALS} == set(get_args(AwsService))


@pytest.mark.parametrize("denial", DENIALS, ids=str)
def test_denial_is_an_error_of_its_own_one_line_and_one_count(
    denial: Denial, watch: Watched
) -> None:
    client = build(denial.service)

    def act() -> None:
        with answering(client, denial.answer), pytest.raises(MissingPermissionError):
            denial.call(client)

    [line], counted = watch(act)
    assert {name: line[name] for name in denial.told} == denial.told
    assert line["level"] == "ERROR"
    assert counted == [1.0]


@pytest.mark.parametrize("denial", IN_PART, ids=str)
def test_denial_of_a_part_is_told_and_the_rest_is_answered(denial: Denial, watch: Watched) -> None:
    client = build(denial.service)

    def act() -> None:
        with answering(client, denial.answer):
            denial.call(client)

    [line], counted = watch(act)
    assert {name: line[name] for name in denial.told} == denial.told
    assert counted == [1.0]


@pytest.mark.parametrize("denial", [*DENIALS, *IN_PART], ids=str)
def test_log_names_no_thing_and_nobody(denial: Denial, watch: Watched) -> None:
    client = build(denial.service)

    def act() -> None:
        with answering(client, denial.answer):
            try:
                denial.call(client)
            except MissingPermissionError as error:
                assert "arn:" not in error.detail

    [line], _ = watch(act)
    confidential = ("arn:", "assumed-role", "Jane", "data-lake", "1234abcd")
    # The function's own name is Lambda's, if another test has called one.
    said = {name: value for name, value in line.items() if not name.startswith("function_")}
    assert [word for word in confidential if word in json.dumps(said)] == []


@pytest.mark.parametrize(("service", "call", "answer"), OTHER_REFUSALS)
def test_other_refusals_are_no_missing_permission(
    service: AwsService, call: Call, answer: WireAnswer, watch: Watched
) -> None:
    client = build(service)

    def act() -> None:
        with answering(client, answer), pytest.raises(ClientError):
            call(client)

    assert watch(act) == ([], [])


def find_denial(service: AwsService) -> Denial:
    return next(each for each in DENIALS if each.service == service)


def test_mwaa_is_asked_once_though_it_is_a_get(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mwaa, "RETRY_PAUSE_S", 0)
    client, asked = build("mwaa"), []

    with answering(client, find_denial("mwaa").answer, asked):
        with pytest.raises(MissingPermissionError):
            MwaaOrchestrator(client, "scanhub").get_dag("dag")

    assert asked == ["InvokeRestApi"]


MESSAGES = {"Records": [{"messageId": "m", "body": json.dumps({"start_dag_run": "run-1"})}]}


@pytest.mark.parametrize(
    ("function", "event", "answer"),
    [
        # Not done and not dropped: it comes again, at last to the dead-letter queue.
        ("trigger_airflow", MESSAGES, {"batchItemFailures": [{"itemIdentifier": "m"}]}),
        # Gives up, and is called again.
        ("reconcile_runs", {}, None),
    ],
)
def test_function_without_a_caller_publishes_the_count_and_does_not_count_it_as_done(
    function: str, event: Any, answer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with deploy() as deployment:
        client = wiring._aws_client("dynamodb")
        with answering(client, find_denial("dynamodb").answer):
            capsys.readouterr()
            try:
                assert deployment.invoke(function, event) == answer
            except MissingPermissionError:
                assert answer is None

    assert read_counted(capsys.readouterr().out) == [1.0]


def test_no_client_is_built_past_the_one_place() -> None:
    layer = ROOT / "layers/workflow_manager/workflow_manager"
    sources = [*layer.rglob("*.py"), *(ROOT / "functions").rglob("*.py")]
    building = re.compile(
        r"boto3\.(client|resource|Session)|session\.(client|resource)|create_client"
    )

    assert [path.name for path in sources if building.search(path.read_text())] == ["aws.py"]
