"""What each turn of the reconciler tells of Airflow, and of the run that has waited longest."""

from datetime import timedelta
from typing import Any

import pytest

from tests.contracts.samples import make_run
from tests.fakes.cloudwatch import read_samples
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import NOW, TOKEN, WORKFLOW_ID, at, deliver, make_raw_data, make_world
from tests.unit.services.test_reconcile_runs import hang
from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.errors import (
    NeighbourRefusedError,
    StoreUnavailableError,
    VersionConflictError,
)
from workflow_manager.observability import metrics
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.reconcile_runs import N_FOLLOWED, reconcile_runs
from workflow_manager.steps.keep_going import keep_going

Capture = pytest.CaptureFixture[str]
HOUR = timedelta(hours=1)


@pytest.fixture
def world() -> MemoryPorts:
    metrics.clear_metrics()
    world = make_world()
    world.clock = lambda: NOW
    return world


def tell(world: MemoryPorts, capsys: Capture, minute: int = 0) -> dict[str, float]:
    """Return the highest value of each metric that a turn tells."""
    call(reconcile_runs, world, at(60 * minute, "reconcile_runs"))
    return read_told(capsys)


def read_told(capsys: Capture) -> dict[str, float]:
    metrics.flush_metrics()
    lines = capsys.readouterr().out.splitlines()
    samples = [sample for line in lines for sample in read_samples(line)]
    return {each.metric.name: max(each.values) for each in samples}


def make_waiting(dag_run_id: str, due_in_s: int, made_ago: timedelta) -> DagRun:
    due = NOW + timedelta(seconds=due_in_s)
    times = {"created_at": NOW - made_ago, "next_attempt_at": due, "deadline": NOW + 24 * HOUR}
    return make_run(dag_run_id, **times)


def add_active(world: MemoryPorts, n_runs: int, due_in_s: int) -> None:
    due = NOW + timedelta(seconds=due_in_s)
    for n in range(n_runs):
        active = make_run(f"active-{n}", state=DagRunState.RUNNING, deadline=due, started_at=NOW)
        world.store.commit([active])


def tell_slowly(world: MemoryPorts, capsys: Capture, minute: int) -> dict[str, float]:
    """Tell in a turn that has time for one page of what is active."""
    clock, list_active = [at(60 * minute).at], world.store.list_active

    def list_slowly(*args: Any) -> Any:
        clock[0] += timedelta(seconds=15)
        return list_active(*args)

    world.clock = lambda: clock[0]
    world.store.list_active = list_slowly  # type: ignore[method-assign]
    try:
        return tell(world, capsys, minute)
    finally:
        world.store.list_active = list_active  # type: ignore[method-assign]


def test_reconcile_runs_tells_how_long_the_oldest_run_has_waited(
    world: MemoryPorts, capsys: Capture
) -> None:
    for n, minutes in enumerate((3, 42, 7)):
        world.store.commit([make_waiting(f"run-{n}", 200, timedelta(minutes=minutes))])

    assert tell(world, capsys)["RunsWaiting"] == 42 * 60


def test_reconcile_runs_tells_of_none_where_none_waits(world: MemoryPorts, capsys: Capture) -> None:
    simulated = make_waiting("simulated", 200, HOUR).evolve(is_simulated=True)
    world.store.commit([simulated])
    add_active(world, 1, 600)

    assert tell(world, capsys) == {"RunsWaiting": 0, "AirflowUnhealthy": 0, "Degraded": 0}


def test_reconcile_runs_finds_the_oldest_run_behind_more_due_ones_than_a_turn_takes(
    world: MemoryPorts, capsys: Capture
) -> None:
    for n in range(70):
        world.store.commit([make_waiting(f"run-{n:03}", -900 + n, timedelta(minutes=1))])
    world.store.commit([make_waiting("oldest", -1, HOUR)])

    assert tell(world, capsys)["RunsWaiting"] == 3600


def test_reconcile_runs_finds_the_oldest_run_behind_hundreds_and_goes_on_to_tell_of_it(
    world: MemoryPorts, capsys: Capture
) -> None:
    add_active(world, 2 * N_FOLLOWED + 50, 3600)
    world.store.commit([make_waiting("oldest", 3601, HOUR)])

    told = [tell_slowly(world, capsys, minute)["RunsWaiting"] for minute in range(8)]

    # Seen in the third turn, at the end of a round; and told of in each one from then on.
    assert told == [0, 0] + [3600 + 60 * minute for minute in range(2, 8)]


def test_reconcile_runs_forgets_a_run_that_has_started_within_one_round(
    world: MemoryPorts, capsys: Capture
) -> None:
    add_active(world, 2 * N_FOLLOWED + 50, 3600)
    world.store.commit([make_waiting("oldest", 3601, HOUR)])
    for minute in range(3):
        tell_slowly(world, capsys, minute)
    run = world.store.get_dag_run("oldest")
    assert run is not None
    world.store.commit([run.evolve(state=DagRunState.RUNNING)])

    told = [tell_slowly(world, capsys, minute)["RunsWaiting"] for minute in range(3, 6)]

    assert told[-1] == 0


def test_reconcile_runs_remembers_the_oldest_run_when_a_turn_breaks_off(
    world: MemoryPorts, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store.commit([make_waiting("oldest", 3600, HOUR)])
    tell(world, capsys, 0)
    with monkeypatch.context() as broken:
        broken.setattr(world.store, "list_active", raise_unavailable)
        with pytest.raises(StoreUnavailableError):
            tell(world, capsys, 1)

    assert world.store.get_system_status().waiting_since == NOW - HOUR


def raise_unavailable(*_: object) -> None:
    raise StoreUnavailableError("The state table cannot be read.")


def test_reconcile_runs_tells_of_airflow_although_it_hangs(
    world: MemoryPorts, capsys: Capture
) -> None:
    world.store.commit([make_waiting("oldest", -1, HOUR).evolve(n_start_attempts=3)])
    hang(world, 0)

    told = tell(world, capsys)

    assert (told["AirflowUnhealthy"], told["RunsWaiting"]) == (1, 3600)
    assert told["Degraded"] > 0


def test_reconcile_runs_tells_of_airflow_although_the_table_is_away_at_the_end(
    world: MemoryPorts, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_the_table(*_: object) -> list[object]:
        monkeypatch.setattr(world.store, "get_system_status", raise_unavailable)
        return []

    monkeypatch.setattr(world.store, "list_due_mirrors", lose_the_table)
    with pytest.raises(StoreUnavailableError):
        call(reconcile_runs, world, at(0, "reconcile_runs"))

    assert "AirflowUnhealthy" in read_told(capsys)


@pytest.mark.parametrize(
    ("error", "n_counted"),
    [
        (NeighbourRefusedError("wrong password", 401), 1),
        (RuntimeError("a bug"), 1),
        (VersionConflictError("Somebody else was first."), 0),
    ],
)
def test_keep_going_counts_what_is_left_undone(
    capsys: Capture, error: Exception, n_counted: int
) -> None:
    metrics.clear_metrics()

    with keep_going("not done"):
        raise error

    assert read_told(capsys).get("Degraded", 0) == n_counted


def test_scan_that_cannot_be_followed_is_told_of_in_each_turn(
    world: MemoryPorts, capsys: Capture
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.fail_with["get_task"] = NeighbourRefusedError("wrong password", 401)

    assert [tell(world, capsys, minute)["Degraded"] for minute in range(1, 4)] == [1, 1, 1]


def test_exam_manager_that_is_not_told_counts_as_degraded_at_every_turn(
    world: MemoryPorts, capsys: Capture
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.fail_with["report_task"] = NeighbourRefusedError("wrong password", 401)
    deliver(world, make_raw_data(), 1)

    assert all(tell(world, capsys, minute)["Degraded"] >= 1 for minute in range(2, 10))
