from typing import Any

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION_ID,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    follow,
    get_status,
    get_task,
    make_raw_data,
    make_success,
    make_world,
)
from workflow_manager.domain.dag_run import STOP_GRACE, DagRun, DagRunState
from workflow_manager.domain.entity import Event
from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    StoreUnavailableError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.domain.listing import ListQuery
from workflow_manager.domain.rejected_object import RejectedObject
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.cancel_task import SCANNER_NOT_STOPPED, cancel_task
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results
from workflow_manager.services.reconcile_runs import reconcile_runs
from workflow_manager.services.trigger_airflow import StartDagRun, trigger_airflow
from workflow_manager.services.trigger_task import trigger_task


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def list_rejected(world: MemoryPorts) -> tuple[RejectedObject, ...]:
    query = ListQuery(since=at(-60).at, until=at(3600).at, limit=10)
    return tuple(world.store.list_rejected_objects(query).items)


def list_lines(world: MemoryPorts, name: str) -> list[Event]:
    trail = world.store.list_events(f"workflow:{WORKFLOW_ID}")
    return [line for line in trail if line.name == name]


def reconstruct(world: MemoryPorts) -> str:
    """Scan, and return the id of the run that reconstructs."""
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world)
    return get_task(world, RECONSTRUCTION_ID).dag_run_id or ""


def get_run(world: MemoryPorts, run_id: str) -> DagRun:
    run = world.store.get_dag_run(run_id)
    assert run is not None
    return run


def test_cancel_task_ends_task_run_and_airflows_run(world: MemoryPorts) -> None:
    run_id = reconstruct(world)

    task, message = call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(20))

    assert (task.status, task.reason) == (TaskStatus.CANCELLED, "Cancelled by operator.")
    assert message.endswith("Airflow has not confirmed yet that its run has stopped.")
    follow(world, 21)
    assert get_run(world, run_id).stopped_at == at(21).at
    assert get_run(world, run_id).state is DagRunState.CANCELLED
    assert world.orchestrator.cancelled == [(DAG_ID, run_id)]
    assert get_status(world) == "cancelled"


def test_cancel_task_tells_exam_manager_so_that_it_can_be_started_again(world: MemoryPorts) -> None:
    reconstruct(world)

    call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(20))
    follow(world)

    report = world.exam.reports[-1]
    assert (report.status, report.progress) == (ItemStatus.NEW, 0)
    assert report.word == "Cancelled by operator."


def test_cancel_task_of_a_scan_says_that_the_scanner_goes_on_and_frees_the_device(
    world: MemoryPorts,
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    task, message = call(cancel_task, world, WORKFLOW_ID, SCAN_ID, at(5))

    assert SCANNER_NOT_STOPPED in message
    assert SCANNER_NOT_STOPPED in (task.reason or "")
    call(trigger_task, world, SCAN_ID, TOKEN, at(10))
    assert get_task(world, SCAN_ID).attempt == 2


def test_cancel_task_keeps_data_that_comes_all_the_same(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    call(cancel_task, world, WORKFLOW_ID, SCAN_ID, at(5))

    deliver(world, make_raw_data())

    assert get_task(world, SCAN_ID).status is TaskStatus.CANCELLED
    [line] = list_lines(world, "late_data")
    [rejected] = list_rejected(world)
    assert rejected.key == make_raw_data().key
    assert rejected.reason.startswith(f"{line.reason} It causes nothing, and stays")
    assert "CANCELLED" in rejected.reason
    assert world.lake.head(make_raw_data().key) is not None


def test_cancel_task_lists_late_data_although_the_first_try_broke_off(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    call(cancel_task, world, WORKFLOW_ID, SCAN_ID, at(5))
    commit = world.store.commit

    def break_off(entities: Any, events: Any = ()) -> None:
        if isinstance(entities[0], RejectedObject):
            raise StoreUnavailableError("away")
        commit(entities, events)

    world.store.commit = break_off  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailableError):
        deliver(world, make_raw_data())
    world.store.commit = commit  # type: ignore[method-assign]

    deliver(world, make_raw_data(), 20)
    deliver(world, make_raw_data(), 30)

    assert len(list_rejected(world)) == 1
    assert len(list_lines(world, "late_data")) == 1


def test_cancel_task_wins_over_results_that_come_later(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    token = callback_token(world, run_id)
    call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(20))

    with pytest.raises(ConflictError, match="CANCELLED already"):
        call(receive_results, world, token, make_success(run_id), at(21))
    # Airflow's own word that it failed agrees.
    call(receive_results, world, token, Callback(success=False, error="killed"), at(22))

    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.CANCELLED


def test_cancel_task_that_waits_keeps_it_from_starting(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    _, message = call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(5))

    deliver(world, make_raw_data())

    assert message == "The task was cancelled before it started."
    assert world.queue.dag_run_ids == []
    assert get_status(world) == "cancelled"


def test_cancel_task_of_a_run_that_never_reached_airflow_asks_nobody(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())

    call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(11))
    deliver_queue(world, 12)

    assert world.orchestrator.dag_runs == {}
    assert world.orchestrator.cancelled == []


def test_cancel_task_is_carried_out_by_the_reconciler_when_airflow_is_away(
    world: MemoryPorts,
) -> None:
    run_id = reconstruct(world)
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")
    call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(20))
    follow(world, 21)
    assert get_run(world, run_id).stopped_at is None
    world.orchestrator.outage = None

    call(reconcile_runs, world, at(120, "reconcile_runs"))

    assert world.orchestrator.cancelled == [(DAG_ID, run_id)]
    assert get_run(world, run_id).due_at is None


def test_cancel_task_does_not_claim_a_stop_that_airflow_cannot_carry_out(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = reconstruct(world)

    def refuse(dag_id: str, dag_run_id: str) -> None:
        raise InvalidInputError("The ids are too long for this Airflow.")

    monkeypatch.setattr(world.orchestrator, "cancel_dag_run", refuse)

    call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(20))
    follow(world)

    # Trying again is of no use.
    assert get_run(world, run_id).due_at is None
    assert get_run(world, run_id).stopped_at is None


def test_cancel_task_stops_a_run_whose_start_was_under_way(world: MemoryPorts) -> None:
    # Given a start that Airflow carries out only after the cancel
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    [run_id] = world.queue.dag_run_ids
    trigger = world.orchestrator.trigger_dag_run

    def overtaken(dag_id: str, dag_run_id: str, conf: dict[str, object]) -> None:
        call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(12))
        follow(world, 12)
        trigger(dag_id, dag_run_id, conf)  # type: ignore[arg-type]

    world.orchestrator.trigger_dag_run = overtaken  # type: ignore[method-assign,assignment]

    # When it comes back
    call(trigger_airflow, world, StartDagRun(run_id), at(11, "trigger_airflow"))

    follow(world, 13)

    # Then the run is stopped at once
    assert world.orchestrator.cancelled == [(DAG_ID, run_id)]
    assert get_run(world, run_id).due_at is None


def test_cancel_task_is_repeated_when_airflow_overlooked_it(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    cancel = world.orchestrator.cancel_dag_run
    world.orchestrator.cancel_dag_run = lambda *_: None  # type: ignore[method-assign]
    call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(20))
    follow(world, 21)
    world.orchestrator.cancel_dag_run = cancel  # type: ignore[method-assign]
    assert get_run(world, run_id).due_at is not None

    call(reconcile_runs, world, at(60, "reconcile_runs"))

    assert world.orchestrator.cancelled == [(DAG_ID, run_id)]
    assert get_run(world, run_id).due_at is None


def test_cancel_task_waits_a_while_for_a_run_that_airflow_does_not_know_yet(
    world: MemoryPorts,
) -> None:
    run_id = reconstruct(world)
    conf = world.orchestrator.dag_runs.pop((DAG_ID, run_id))
    call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(20))
    follow(world, 21)
    world.orchestrator.dag_runs[DAG_ID, run_id] = conf

    call(reconcile_runs, world, at(60, "reconcile_runs"))

    assert world.orchestrator.cancelled == [(DAG_ID, run_id)]


def test_cancel_task_does_not_wait_for_ever_for_such_a_run(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    world.orchestrator.dag_runs.clear()
    call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(20))

    for minute in range(1, 15):
        call(reconcile_runs, world, at(20 + 60 * minute, "reconcile_runs"))

    assert STOP_GRACE.total_seconds() < 14 * 60
    assert get_run(world, run_id).due_at is None
