"""What is counted, in CloudWatch's embedded metric format."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    NOW,
    TOKEN,
    WORKFLOW_ID,
    at,
    deliver,
    make_dag_data,
    make_raw_data,
)
from tests.unit.functions.conftest import Invoke, load_event
from tests.unit.functions.test_receive_results import RUN_ID, make_event
from tests.unit.functions.test_trace import make_object_event, with_header
from workflow_manager.domain.orchestrator_run import OrchestratorRunState
from workflow_manager.observability import metrics
from workflow_manager.services.process_workflow import process_workflow

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def clean() -> None:
    # What use cases counted outside of a function.
    metrics.clear_metrics()


def read_metric(capsys: Capture, name: str) -> list[dict[str, Any]]:
    """Return what was published of a metric: its values, unit and dimensions."""
    found = []
    for line in capsys.readouterr().out.splitlines():
        record = json.loads(line)
        if name not in record:
            continue
        [published] = record["_aws"]["CloudWatchMetrics"]
        units = {each["Name"]: each["Unit"] for each in published["Metrics"]}
        names = published["Dimensions"][0]
        dimensions = {each: record[each] for each in names}
        found.append({"values": record[name], "unit": units[name], "dimensions": dimensions})
    return found


def seconds_ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


DIMENSIONS = {"service": "workflow-manager", "stack": "local"}


def test_trigger_latency_counts_from_the_objects_event(
    invoke: Invoke, world: MemoryPorts, capsys: Capture
) -> None:
    world.clock = lambda: NOW
    event = make_object_event(world, None)
    [record] = event["Records"]
    body = json.loads(record["body"])
    body["Records"][0]["eventTime"] = (NOW - timedelta(seconds=2)).isoformat()
    record["body"] = json.dumps(body)

    invoke("trigger_airflow", event)

    [latency] = read_metric(capsys, "TriggerLatency")
    assert latency == {"values": [2000.0], "unit": "Milliseconds", "dimensions": DIMENSIONS}


def test_trigger_latency_counts_from_the_run_of_a_task(
    invoke: Invoke, world: MemoryPorts, capsys: Capture
) -> None:
    deliver_scan(world)
    world.clock = lambda: NOW + timedelta(seconds=13)
    [dag_run_id] = world.queue.dag_run_ids
    event = load_event("trigger_airflow", "run_waits")
    event["Records"][0]["body"] = json.dumps({"start_dag_run": dag_run_id})

    invoke("trigger_airflow", event)

    # The run was created by the data that came after ten seconds.
    [latency] = read_metric(capsys, "TriggerLatency")
    assert latency["values"] == [3000.0]


def deliver_scan(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data(), 10)
    metrics.clear_metrics()


@pytest.mark.parametrize("event_time", [None, "yesterday", "2026-11-23T10:12:01"])
def test_trigger_latency_does_without_an_event_time(
    invoke: Invoke, world: MemoryPorts, capsys: Capture, event_time: str | None
) -> None:
    event = make_object_event(world, None)
    [record] = event["Records"]
    body = json.loads(record["body"])
    body["Records"][0]["eventTime"] = event_time
    record["body"] = json.dumps(body)

    invoke("trigger_airflow", event)

    # The clock of this world stands before the run's creation.
    assert [each["values"] for each in read_metric(capsys, "TriggerLatency")] == [[0.0]]


def test_upload_bytes_counts_an_object_once(
    invoke: Invoke, world: MemoryPorts, capsys: Capture
) -> None:
    event = make_object_event(world, None)

    for _ in range(2):
        invoke("trigger_airflow", event)

    [size] = read_metric(capsys, "UploadBytes")
    assert size == {"values": [35_000_000.0], "unit": "Bytes", "dimensions": DIMENSIONS}


def test_upload_bytes_counts_raw_data_of_a_task_once(
    invoke: Invoke, world: MemoryPorts, capsys: Capture
) -> None:
    for _ in range(2):
        invoke("trigger_airflow", load_event("trigger_airflow", "acquisition_arrived"))

    assert len(read_metric(capsys, "UploadBytes")) == 1


@pytest.fixture
def started(world: MemoryPorts) -> MemoryPorts:
    deliver(world, make_dag_data(), (datetime.now(UTC) - NOW).total_seconds() - 60)
    metrics.clear_metrics()
    world.clock = lambda: datetime.now(UTC)
    return world


def test_callback_lag_counts_from_the_end_that_the_dag_tells(
    invoke: Invoke, started: MemoryPorts, capsys: Capture
) -> None:
    event = with_header(make_event(started, "success"), "ScanHub-Ended-At", seconds_ago(5))

    for _ in range(2):
        assert invoke("receive_results", event)["statusCode"] == 200

    [lag] = read_metric(capsys, "CallbackLag")
    assert lag["unit"] == "Milliseconds"
    assert lag["dimensions"] == DIMENSIONS
    assert 5_000 <= lag["values"][0] < 30_000


@pytest.mark.parametrize("ended_at", [None, "", "soon", "1999-01-01T00:00:00Z", "9" * 10_000])
def test_callback_lag_is_not_guessed(
    invoke: Invoke, started: MemoryPorts, capsys: Capture, ended_at: str | None
) -> None:
    event = make_event(started, "success")
    if ended_at is not None:
        event = with_header(event, "ScanHub-Ended-At", ended_at)

    assert invoke("receive_results", event)["statusCode"] == 200

    assert read_metric(capsys, "CallbackLag") == []


def test_callback_lag_leaves_progress_out(
    invoke: Invoke, started: MemoryPorts, capsys: Capture
) -> None:
    event = with_header(make_event(started, "progress"), "ScanHub-Ended-At", seconds_ago(5))

    invoke("receive_results", event)

    assert read_metric(capsys, "CallbackLag") == []


def test_callback_lag_of_a_lost_callback_counts_from_the_end_in_airflow(
    invoke: Invoke, started: MemoryPorts, capsys: Capture
) -> None:
    ended_at = datetime.now(UTC) - timedelta(seconds=50)
    started.settings = started.settings.model_copy(update={"callback_wait_s": 10})
    started.orchestrator.finish(DAG_ID, RUN_ID, OrchestratorRunState.SUCCESS, ended_at)

    invoke("reconcile_runs", load_event("reconcile_runs", "every_minute"))

    [lag] = read_metric(capsys, "CallbackLag")
    assert 50_000 <= lag["values"][0] < 80_000


def test_runs_past_deadline_counts_a_run_once(
    invoke: Invoke, world: MemoryPorts, capsys: Capture
) -> None:
    deliver(world, make_dag_data(), -(10**7))
    metrics.clear_metrics()

    for _ in range(2):
        invoke("reconcile_runs", load_event("reconcile_runs", "every_minute"))

    [count] = read_metric(capsys, "RunsPastDeadline")
    assert count == {"values": [1.0], "unit": "Count", "dimensions": DIMENSIONS}


def test_runs_past_deadline_counts_a_scan_whose_data_never_came(
    invoke: Invoke, world: MemoryPorts, capsys: Capture
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(-(10**7)))
    metrics.clear_metrics()

    invoke("reconcile_runs", load_event("reconcile_runs", "every_minute"))

    [count] = read_metric(capsys, "RunsPastDeadline")
    assert count["values"] == [1.0]


def test_no_run_past_its_deadline_is_not_counted(
    invoke: Invoke, started: MemoryPorts, capsys: Capture
) -> None:
    invoke("reconcile_runs", load_event("reconcile_runs", "every_minute"))

    assert read_metric(capsys, "RunsPastDeadline") == []


@pytest.mark.parametrize(("stack_name", "stack"), [("scanhub-prod", "scanhub-prod"), ("", "local")])
def test_stack_is_a_dimension_of_every_metric(stack_name: str, stack: str) -> None:
    program = """
from workflow_manager.observability import MetricUnit, metrics
for _ in range(2):
    metrics.add_metric("DagRunsStarted", MetricUnit.Count, 1)
    metrics.flush_metrics()
"""
    environment = os.environ | {"STACK_NAME": stack_name, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], env=environment, capture_output=True, check=True
    )

    records = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(record["stack"], record["service"]) for record in records] == [
        (stack, "workflow-manager")
    ] * 2
