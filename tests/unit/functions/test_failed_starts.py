"""Scans that do not start, or that nobody has seen start, are counted: somebody must look."""

from collections.abc import Callable

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import TOKEN, WORKFLOW_ID, at, deliver, make_raw_data
from tests.unit.functions.conftest import Invoke, load_event
from tests.unit.functions.test_metrics import DIMENSIONS, Capture, read_metric
from workflow_manager.domain.errors import StoreUnavailableError, UpstreamTimeoutError
from workflow_manager.observability import metrics
from workflow_manager.services.process_workflow import process_workflow


@pytest.fixture(autouse=True)
def clean() -> None:
    metrics.clear_metrics()


def test_scan_start_that_is_refused_or_not_confirmed_is_counted_once(
    invoke: Invoke, world: MemoryPorts, capsys: Capture
) -> None:
    world.scan.start_error = UpstreamTimeoutError("no answer")
    event = load_event("process_workflow", "success")

    answers = [invoke("process_workflow", event)["statusCode"] for _ in range(2)]
    for _ in range(2):
        invoke("reconcile_runs", load_event("reconcile_runs", "every_minute"))

    assert answers == [502, 409]
    [count] = read_metric(capsys, "ScanStartsFailed")
    assert count == {"values": [1.0], "unit": "Count", "dimensions": DIMENSIONS}


def test_scan_start_that_broke_off_is_counted_by_the_reconciler(
    invoke: Invoke, world: MemoryPorts, capsys: Capture
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    world.scan.start = die  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(-(10**7)))
    metrics.clear_metrics()

    for _ in range(2):
        invoke("reconcile_runs", load_event("reconcile_runs", "every_minute"))

    printed = capsys.readouterr().out
    assert printed.count('"ScanStartsFailed":[1.0]') == 1
    assert '"RunsPastDeadline"' not in printed


def test_scan_start_that_failed_is_counted_although_it_cannot_be_written_down(
    invoke: Invoke, world: MemoryPorts, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_the_table(*_: object) -> None:
        error = StoreUnavailableError("The state table cannot be written.")
        monkeypatch.setattr(world.store, "get_execution", raise_it(error))
        raise UpstreamTimeoutError("no answer")

    monkeypatch.setattr(world.scan, "start", lose_the_table)

    invoke("process_workflow", load_event("process_workflow", "success"))

    [count] = read_metric(capsys, "ScanStartsFailed")
    assert count["values"] == [1.0]


def raise_it(error: Exception) -> Callable[..., None]:
    def call(*_: object) -> None:
        raise error

    return call


def test_scan_whose_data_comes_before_its_answer_is_no_failed_start(
    invoke: Invoke, world: MemoryPorts, capsys: Capture
) -> None:
    def arrive(*_: object) -> None:
        # The device answers too late, and has scanned all the same.
        deliver(world, make_raw_data())
        raise UpstreamTimeoutError("no answer")

    world.scan.start = arrive  # type: ignore[method-assign,assignment]

    invoke("process_workflow", load_event("process_workflow", "success"))

    assert read_metric(capsys, "ScanStartsFailed") == []
