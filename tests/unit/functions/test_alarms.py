"""Our own metrics as functions write them into the log, and who looks at them."""

import ast
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import chain
from typing import Any, NoReturn
from unittest.mock import Mock

import pytest

from tests.fakes.cloudwatch import Metric, Sample, has_rung, read_samples, watched
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    NOW,
    RECONSTRUCTION_ID,
    at,
    deliver,
    deliver_queue,
    make_dag_data,
    make_raw_data,
    make_world,
)
from tests.infra.conftest import ROOT, select, translate
from tests.unit.functions.conftest import Invoke, load_event
from workflow_manager.domain.dag_run import object_dag_run_id, task_dag_run_id
from workflow_manager.domain.errors import (
    MissingPermissionError,
    NotFoundError,
    ScanHubError,
    StoreUnavailableError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
    VersionConflictError,
)
from workflow_manager.domain.orchestrator_run import OrchestratorRunState
from workflow_manager.observability import metrics
from workflow_manager.orchestrators.airflow_status import check_permission
from workflow_manager.services.reconcile_runs import reconcile_runs

Capture = pytest.CaptureFixture[str]
Alarms = dict[str, dict[str, Any]]
CODE = ROOT / "layers/workflow_manager/workflow_manager"
# `make check` knows no stack: that is what its metrics are of then.
STACK = "local"
RUN_ID = task_dag_run_id(RECONSTRUCTION_ID, 1)
EVERY_MINUTE = load_event("reconcile_runs", "every_minute")


@pytest.fixture(autouse=True)
def clean() -> None:
    metrics.clear_metrics()


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    return dict(translate()["Resources"])


@pytest.fixture(scope="module")
def alarms(resources: dict[str, Any]) -> Alarms:
    found = select(resources, "AWS::CloudWatch::Alarm")
    return {name: each for name, each in found.items() if each.get("Namespace") == "ScanHub"}


def live_through_everything(invoke: Invoke, world: MemoryPorts) -> None:
    """Let happen whatever functions count."""
    world.clock = lambda: datetime.now(UTC)
    # A scan, its data, its run, whose callback is lost.
    invoke("process_workflow", load_event("process_workflow", "success"))
    now_s = (datetime.now(UTC) - NOW).total_seconds()
    deliver(world, make_raw_data(), now_s - 600)
    deliver_queue(world, now_s - 590)
    ended_at = datetime.now(UTC) - timedelta(minutes=5)
    world.lake.put(f"result/{RUN_ID}/image.dcm", b"1", "")
    world.orchestrator.finish(DAG_ID, RUN_ID, OrchestratorRunState.SUCCESS, ended_at)
    invoke("reconcile_runs", EVERY_MINUTE)
    # An object that fits nothing, a run that is cancelled, and one that is past its deadline.
    invoke("trigger_airflow", load_event("trigger_airflow", "empty_object"))
    deliver(world, make_dag_data("cancelled"), now_s)
    cancelled = object_dag_run_id(make_dag_data("cancelled"))
    event = json.dumps(load_event("cancel_dag_run", "success"))
    invoke("cancel_dag_run", json.loads(event.replace("4mz3qk2yx7w5t6r2a3bc", cancelled)))
    deliver(world, make_dag_data("overdue"), -(10**7))
    invoke("reconcile_runs", EVERY_MINUTE)


def fail_to_start(invoke: Invoke, world: MemoryPorts) -> None:
    world.scan.start_error = UpstreamTimeoutError("The device did not answer.")
    answer = invoke("process_workflow", load_event("process_workflow", "success"))
    assert answer["statusCode"] >= 500


def lack_a_permission(invoke: Invoke, world: MemoryPorts, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> NoReturn:
        check_permission(HTTPStatus.FORBIDDEN, "GET", "/dags")
        raise AssertionError

    monkeypatch.setattr(world.orchestrator, "list_dags", refuse)
    answer = invoke("list_available_tasks", load_event("list_available_tasks", "success"))
    assert answer["statusCode"] == HTTPStatus.SERVICE_UNAVAILABLE


def fail_and_be_refused(invoke: Invoke, world: MemoryPorts) -> None:
    event = load_event("list_available_tasks", "success")
    for error in (UpstreamTimeoutError("late"), RuntimeError("a bug")):
        world.orchestrator.list_dags = Mock(side_effect=error)  # type: ignore[method-assign]
        assert invoke("list_available_tasks", event)["statusCode"] >= 500
    world.users.error = UpstreamTimeoutError("late")
    with pytest.raises(UpstreamTimeoutError):
        invoke("authorize_request", load_event("authorize_request", "bearer_token"))


def read_printed(capsys: Capture) -> list[Sample]:
    lines = capsys.readouterr().out.splitlines()
    return [sample for line in lines for sample in read_samples(line)]


def find_counted() -> Iterator[re.Pattern[str]]:
    """Yield the name of each metric in the code; what is filled in there may be any word."""
    for path in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if is_call and node.func.attr == "add_metric":
                parts = getattr(node.args[0], "values", [node.args[0]])
                known = [
                    str(part.value) if isinstance(part, ast.Constant) else r"\w+" for part in parts
                ]
                yield re.compile("".join(known))


@pytest.fixture
def seen(
    invoke: Invoke, world: MemoryPorts, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> list[Sample]:
    live_through_everything(invoke, world)
    for name, value in vars(make_world()).items():
        setattr(world, name, value)
    fail_to_start(invoke, world)
    lack_a_permission(invoke, world, monkeypatch)
    fail_and_be_refused(invoke, world)
    return read_printed(capsys)


def test_each_metric_of_the_code_is_written_and_nothing_else(seen: list[Sample]) -> None:
    names = {sample.metric.name for sample in seen}
    counted = list(find_counted())

    assert len(counted) > 10
    assert [each.pattern for each in counted if not any(map(each.fullmatch, names))] == []
    assert {name for name in names if not any(each.fullmatch(name) for each in counted)} == set()


def test_each_metric_has_one_unit_and_the_dimensions_of_all(seen: list[Sample]) -> None:
    ours = frozenset({("service", "workflow-manager"), ("stack", STACK)})

    assert {(each.metric.namespace, each.metric.dimensions) for each in seen} == {("ScanHub", ours)}
    assert len({(each.metric, each.unit) for each in seen}) == len({each.metric for each in seen})


def test_each_alarm_on_a_metric_of_ours_looks_at_one_that_is_written(
    seen: list[Sample], alarms: Alarms
) -> None:
    units = {sample.metric: sample.unit for sample in seen}

    assert len(alarms) > 4
    for name, alarm in alarms.items():
        metric = watched(alarm, STACK)
        assert metric in units, name
        # An alarm that names another unit than is written finds nothing.
        assert alarm.get("Unit", units[metric]) == units[metric]


def test_somebody_looks_at_each_metric_and_the_dashboard_at_nothing_else(
    seen: list[Sample], alarms: Alarms, resources: dict[str, Any]
) -> None:
    written = {sample.metric.name for sample in seen}
    [dashboard] = select(resources, "AWS::CloudWatch::Dashboard").values()
    body, values = dashboard["DashboardBody"]["Fn::Sub"]
    shown = set(re.findall(r'\["ScanHub", "(\w+)", \$\{Ours\}', body))

    assert values["Ours"]["Fn::Sub"] == (
        '"service", "workflow-manager", "stack", "${AWS::StackName}"'
    )
    assert body.count('"ScanHub"') == len(re.findall(r'\["ScanHub", "\w+", \$\{Ours\}', body))
    assert shown <= written
    assert written == shown | {watched(each, STACK).name for each in alarms.values()}


def test_each_metric_is_in_the_table_of_the_manual(seen: list[Sample]) -> None:
    section = (ROOT / "docs/operations.md").read_text().partition("## Traces and metrics")[2]
    table = section.partition("\n\n| Metric |")[2].partition("\n\n")[0]
    units = {"Count": "count", "Seconds": "s", "Milliseconds": "ms", "Bytes": "bytes"}
    told = {
        (name, unit.strip())
        for names, unit in re.findall(r"^\| (`[^|]+) \| ([^|]+) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }

    assert told == {(sample.metric.name, units[sample.unit]) for sample in seen}


# What CloudWatch counts of a call that fails so. API Gateway's own 5XXError is all of those with
# 5xx, whoever is to blame; Lambda's Errors none, as each is answered.
FAILURES: list[tuple[Exception, int, set[str]]] = [
    (RuntimeError("a bug"), 500, {"ServerErrors"}),
    (ScanHubError("an error without a status"), 500, {"ServerErrors"}),
    (StoreUnavailableError("The state table cannot be read."), 503, {"ServerErrors"}),
    (UpstreamTimeoutError("late"), 504, {"UpstreamFailures"}),
    (UpstreamUnreachableError("away"), 502, {"UpstreamFailures"}),
    # Counted where it is met.
    (MissingPermissionError(), 503, set()),
    (NotFoundError("none"), 404, set()),
    (VersionConflictError("late"), 503, set()),
]


@pytest.mark.parametrize(("error", "status", "counted"), FAILURES, ids=str)
def test_deployments_are_stopped_by_what_is_ours_and_by_no_stranger_or_neighbour(
    invoke: Invoke,
    world: MemoryPorts,
    capsys: Capture,
    alarms: Alarms,
    error: Exception,
    status: int,
    counted: set[str],
) -> None:
    world.orchestrator.list_dags = Mock(side_effect=error)  # type: ignore[method-assign]

    for _ in range(3):
        answer = invoke("list_available_tasks", load_event("list_available_tasks", "success"))

    samples = read_printed(capsys)
    assert answer["statusCode"] == status
    assert {sample.metric.name for sample in samples} == counted
    for alarm in (alarms["ServerErrorAlarm"], alarms["UpstreamFailureAlarm"]):
        of_alarm = [each for each in samples if each.metric == watched(alarm, STACK)]
        values = [value for sample in of_alarm for value in sample.values]
        assert has_rung(alarm, [values]) == (alarm["MetricName"] in counted)


def list_minutes(
    world: MemoryPorts, capsys: Capture, n_minutes: int, away: range
) -> dict[Metric, list[list[float]]]:
    """Return what is written of each metric, minute by minute, with Airflow away for some."""
    written: dict[Metric, list[list[float]]] = {}
    capsys.readouterr()
    for minute in range(n_minutes):
        is_away = minute in away
        world.orchestrator.outage = UpstreamUnreachableError("away") if is_away else None
        call(reconcile_runs, world, at(60 * minute, "reconcile_runs"))
        deliver_queue(world, 60 * minute + 1)
        metrics.flush_metrics()
        for sample in read_printed(capsys):
            of_metric = written.setdefault(sample.metric, [[] for _ in range(n_minutes)])
            of_metric[minute].extend(sample.values)
    return written


def find_first_ring(alarm: dict[str, Any], minutes: list[list[float]]) -> int | None:
    """Return after how many minutes an alarm is on, if ever."""
    step = alarm["Period"] // 60
    starts = range(0, len(minutes), step)
    periods = [list(chain(*minutes[start : start + step])) for start in starts]
    ends = range(1, len(periods) + 1)
    return next((step * end for end in ends if has_rung(alarm, periods[:end])), None)


def find_ringing(
    alarms: Alarms, written: dict[Metric, list[list[float]]], minutes: slice
) -> dict[str, int]:
    """Return which alarms are on within some minutes, and when first."""
    found = {
        name: find_first_ring(alarm, written.get(watched(alarm, STACK), [])[minutes])
        for name, alarm in alarms.items()
    }
    return {name: minute for name, minute in found.items() if minute is not None}


def test_airflow_that_is_away_rings_within_minutes_and_no_longer_than_that(
    world: MemoryPorts, capsys: Capture, alarms: Alarms
) -> None:
    world.clock = lambda: NOW
    world.orchestrator.outage = UpstreamUnreachableError("away")
    deliver(world, make_dag_data(), 0)

    written = list_minutes(world, capsys, 120, away=range(60))

    assert find_ringing(alarms, written, slice(0, 60)) == {
        "AirflowUnhealthyAlarm": 5,
        "RunsWaitingAlarm": 14,
        "DegradedAlarm": 20,
    }
    # The last try may have been put off by five minutes.
    assert find_ringing(alarms, written, slice(66, 120)) == {}
    # Zeros come all the same, or the alarms would stay on.
    told = {metric.name: minutes[66:] for metric, minutes in written.items()}
    for name in ("AirflowUnhealthy", "RunsWaiting", "Degraded"):
        assert [max(values) for values in told[name]] == [0] * 54


def test_restart_of_airflow_rings_nothing(
    world: MemoryPorts, capsys: Capture, alarms: Alarms
) -> None:
    world.clock = lambda: NOW
    world.orchestrator.outage = UpstreamUnreachableError("away")
    deliver(world, make_dag_data(), 0)

    written = list_minutes(world, capsys, 60, away=range(4))

    assert find_ringing(alarms, written, slice(0, 60)) == {}


def test_waiting_runs_are_told_of_before_anything_can_cost_the_turn_its_life(
    world: MemoryPorts, capsys: Capture
) -> None:
    world.orchestrator.outage = UpstreamUnreachableError("away")
    deliver(world, make_dag_data(), 0)
    capsys.readouterr()

    def die(_: str) -> None:
        # As at a time-out: nothing behind it is done, and nobody prints what was counted.
        metrics.clear_metrics()
        raise KeyboardInterrupt

    world.queue.send_start = die  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        call(reconcile_runs, world, at(900, "reconcile_runs"))

    [waiting] = [each for each in read_printed(capsys) if each.metric.name == "RunsWaiting"]
    assert (waiting.unit, waiting.values) == ("Seconds", (900.0,))
