import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    at,
    callback_token,
    deliver,
    deliver_queue,
    make_dag_data,
    make_world,
)
from workflow_manager.domain.dag_run import DagRunState, object_dag_run_id
from workflow_manager.domain.errors import (
    ConflictError,
    UpstreamUnreachableError,
)
from workflow_manager.services.cancel_dag_run import cancel_dag_run
from workflow_manager.services.receive_results import Callback, receive_results
from workflow_manager.services.reconcile_runs import reconcile_runs
from workflow_manager.services.retry_dag_run import retry_dag_run

RUN_ID = object_dag_run_id(make_dag_data())


@pytest.fixture
def world() -> MemoryPorts:
    """Return a hospital with a run that failed."""
    world = make_world()
    deliver(world, make_dag_data())
    token = callback_token(world, RUN_ID)
    call(receive_results, world, token, Callback(success=False, error="out of memory"), at(15))
    return world


def test_retry_dag_run_runs_the_same_object_under_a_new_id(world: MemoryPorts) -> None:
    retry = call(retry_dag_run, world, RUN_ID, at(20))
    deliver_queue(world, 21)

    assert (retry.state, retry.attempt, retry.data) == (DagRunState.PENDING, 2, make_dag_data())
    confs = {run_id: conf["key"] for (_, run_id), conf in world.orchestrator.dag_runs.items()}
    assert confs == {RUN_ID: make_dag_data().key, retry.dag_run_id: make_dag_data().key}


def test_retry_dag_run_twice_makes_one_run(world: MemoryPorts) -> None:
    first = call(retry_dag_run, world, RUN_ID, at(20))
    assert call(retry_dag_run, world, RUN_ID, at(21)).dag_run_id == first.dag_run_id


def test_retry_dag_run_may_be_retried_itself(world: MemoryPorts) -> None:
    first = call(retry_dag_run, world, RUN_ID, at(20))
    call(cancel_dag_run, world, first.dag_run_id, at(21))

    second = call(retry_dag_run, world, first.dag_run_id, at(22))

    assert len({RUN_ID, first.dag_run_id, second.dag_run_id}) == 3


def test_retry_dag_run_is_queued_by_the_reconciler_when_the_queue_is_away(
    world: MemoryPorts,
) -> None:
    world.queue.error = UpstreamUnreachableError("The queue is away.")
    retry = call(retry_dag_run, world, RUN_ID, at(20))
    world.queue.error = None

    call(reconcile_runs, world, at(120, "reconcile_runs"))

    assert world.queue.dag_run_ids == [retry.dag_run_id]


def test_retry_dag_run_says_why_it_starts_nothing_once_its_retry_has_ended(
    world: MemoryPorts,
) -> None:
    first = call(retry_dag_run, world, RUN_ID, at(20))
    call(cancel_dag_run, world, first.dag_run_id, at(21))

    again = f"POST /dag_runs/{first.dag_run_id}/retry/ starts the next"
    with pytest.raises(ConflictError, match=f"is CANCELLED: {again}"):
        call(retry_dag_run, world, RUN_ID, at(22))

    second = call(retry_dag_run, world, first.dag_run_id, at(23))
    with pytest.raises(ConflictError, match=f"newest retry {second.dag_run_id} is PENDING"):
        call(retry_dag_run, world, RUN_ID, at(24))
