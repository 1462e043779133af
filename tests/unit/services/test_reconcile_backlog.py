"""A backlog after an outage: deadlines first, and as much else as there is time for."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.contracts.samples import make_run
from tests.fakes.faults import FaultyPart
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import DAG_ID, NOW, SCAN_ID, TOKEN, WORKFLOW_ID, at, get_task, make_world
from workflow_manager.domain.dag_run import DagRunState
from workflow_manager.domain.orchestrator_run import OrchestratorRunState
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.reconcile_runs import reconcile_runs

DAY = timedelta(days=1)
# What a call takes on AWS [s].
DURATIONS_S = {
    "store.commit": 0.01,
    "store.get_dag_run": 0.005,
    "store.list_active": 0.03,
    "queue.send_start": 0.015,
    "orchestrator.list_dag_runs": 0.4,
    "orchestrator.list_task_instances": 0.6,
}


class Slowly:
    """Lets each call take its time, by a clock that only that moves."""

    def __init__(self) -> None:
        self.now: datetime = NOW

    def call(self, name: str, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.now += timedelta(seconds=DURATIONS_S.get(name, 0.01))
        return operation(*args, **kwargs)


def take_turns(world: MemoryPorts, first: int, until: Callable[[], bool], limit: int = 60) -> int:
    """Let minutes pass until something is so, and return how many that took."""
    slowly = Slowly()
    names = ("store", "lake", "queue", "orchestrator", "exam")
    parts: dict[str, Any] = {
        name: FaultyPart(name, getattr(world, name), slowly)  # type: ignore[arg-type]
        for name in names
    }
    ports = MemoryPorts(settings=world.settings, clock=lambda: slowly.now, **parts)
    for minute in range(limit):
        cause = at(first + 60 * minute, "reconcile_runs")
        slowly.now = cause.at
        call(reconcile_runs, ports, cause)
        assert slowly.now - cause.at < timedelta(seconds=50)
        if until():
            return minute + 1
    return limit


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def add_restarts(world: MemoryPorts, n_runs: int) -> None:
    times = {"created_at": NOW - DAY / 2, "deadline": NOW + DAY}
    for n in range(n_runs):
        due = NOW + timedelta(seconds=n * 7200 / n_runs)
        world.store.commit([make_run(f"run-{n:04}", next_attempt_at=due, **times)])


def test_deadline_is_not_late_behind_three_thousand_restarts(world: MemoryPorts) -> None:
    # Given restarts that are all more overdue than a scan and a run past their deadlines
    add_restarts(world, 3000)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    overdue = make_run("overdue", state=DagRunState.RUNNING, started_at=NOW)
    world.store.commit([overdue.evolve(deadline=NOW + timedelta(seconds=7200))])

    def has_ended() -> bool:
        run = world.store.get_dag_run("overdue")
        is_over = get_task(world, SCAN_ID).status is TaskStatus.FAILED
        return run is not None and run.state is DagRunState.FAILED and is_over

    assert take_turns(world, 7260, has_ended) == 1


def test_three_thousand_restarts_are_queued_within_minutes(
    world: MemoryPorts,
) -> None:
    add_restarts(world, 3000)
    n_turns = take_turns(world, 7260, lambda: len(set(world.queue.dag_run_ids)) == 3000)
    assert n_turns <= 6


@pytest.mark.parametrize("place", [0, 2500, 4999])
def test_callback_lost_among_five_thousand_active_runs_is_found_in_minutes(
    world: MemoryPorts, place: int
) -> None:
    for n in range(5000):
        deadline = NOW + DAY + timedelta(seconds=n)
        run = make_run(f"run-{n:04}", state=DagRunState.RUNNING, started_at=NOW, deadline=deadline)
        world.store.commit([run.evolve(n_start_attempts=1, dag_id=DAG_ID)])
        world.orchestrator.dag_runs[DAG_ID, run.dag_run_id] = {}
    lost = f"run-{place:04}"
    world.orchestrator.finish(DAG_ID, lost, OrchestratorRunState.SUCCESS, NOW)

    def is_found() -> bool:
        run = world.store.get_dag_run(lost)
        return run is not None and run.state is DagRunState.SUCCEEDED

    assert take_turns(world, 600, is_found) <= 3
