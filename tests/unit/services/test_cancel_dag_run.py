import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    deliver,
    deliver_queue,
    follow,
    get_task,
    make_dag_data,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.dag_run import DagRunState, object_dag_run_id
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.cancel_dag_run import cancel_dag_run
from workflow_manager.services.process_workflow import process_workflow

RUN_ID = object_dag_run_id(make_dag_data())


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def test_cancel_dag_run_stops_the_run_of_an_upload(world: MemoryPorts) -> None:
    deliver(world, make_dag_data())

    run = call(cancel_dag_run, world, RUN_ID, at(20))
    assert (run.state, run.reason) == (DagRunState.CANCELLED, "Cancelled by operator.")
    assert run.stopped_at is None

    follow(world, 21)

    stopped = world.store.get_dag_run(RUN_ID)
    assert stopped is not None
    assert stopped.stopped_at == at(21).at
    assert world.orchestrator.cancelled == [(DAG_ID, RUN_ID)]
    assert [event.name for event in world.store.list_events(f"dag_run:{RUN_ID}")] == [
        "create",
        "start",
        "cancel",
    ]


def test_cancel_dag_run_cancels_the_task_that_waits_for_it(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world)

    call(cancel_dag_run, world, get_task(world, RECONSTRUCTION_ID).dag_run_id or "", at(20))

    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.CANCELLED
