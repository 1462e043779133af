from datetime import timedelta

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    NOW,
    RECONSTRUCTION,
    RECONSTRUCTION_ID,
    SCAN,
    SCAN_ARGS,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    get_task,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.errors import UpstreamUnreachableError
from workflow_manager.domain.waiting import NO_DATA_YET, NOT_CONFIRMED, list_asked_runs
from workflow_manager.http import task_schemas
from workflow_manager.http.task_schemas import TaskView, view_tasks
from workflow_manager.services.cancel_task import cancel_task
from workflow_manager.services.get_workflow import get_workflow
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results
from workflow_manager.services.retry_task import retry_task


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def show(world: MemoryPorts, seconds: float = 500) -> list[TaskView]:
    workflow = world.store.get_workflow(WORKFLOW_ID)
    graph = call(get_workflow, world, WORKFLOW_ID, workflow, at(seconds))
    return view_tasks(graph, world.store.get_dag_runs(list_asked_runs(graph)))


def scan(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())


def test_tasks_have_a_name_of_their_kind_and_place_and_say_on_what_they_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    second = RECONSTRUCTION.model_copy(update={"id": "b" * 32, "args": {"dag_id": "a b"}})
    second = second.model_copy(update={"destinations": {}})
    world = make_world(SCAN, RECONSTRUCTION, second)

    monkeypatch.setattr(task_schemas, "get_settings", lambda: world.settings)
    shown = show(world)

    assert [each.name for each in shown] == ["Scan 1", "Reconstruction 1", "Reconstruction 2"]
    assert [each.device_id for each in shown] == [SCAN_ARGS["device_id"], None, None]
    # What somebody has typed that is no id is not shown.
    assert [each.dag_id for each in shown] == [None, DAG_ID, None]
    assert [each.inputs for each in shown] == [(), (SCAN_ID,), (SCAN_ID,)]


def test_device_that_is_no_id_is_not_shown() -> None:
    args = SCAN_ARGS | {"device_id": "Jane Doe's scanner"}
    world = make_world(SCAN.model_copy(update={"args": args}), RECONSTRUCTION)
    assert [each.device_id for each in show(world)] == [None, None]


def test_times_are_those_of_the_attempt(world: MemoryPorts) -> None:
    first = show(world, 0)[0]
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(1))
    running = show(world)[0]
    call(cancel_task, world, WORKFLOW_ID, SCAN_ID, at(20))
    ended = show(world)[0]
    call(retry_task, world, WORKFLOW_ID, SCAN_ID, TOKEN, at(30))
    again = show(world)[0]

    seen = [(each.started_at, each.finished_at) for each in (first, running, ended, again)]
    begun, over, anew = (NOW + timedelta(seconds=s) for s in (1, 20, 30))
    assert seen == [(None, None), (begun, None), (begun, over), (anew, None)]
    assert running.created_at == begun


def test_times_of_another_attempt_are_not_shown(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(1))
    # A release that does not know them has begun the next attempt.
    other = get_task(world, SCAN_ID).evolve(attempt=2)
    assert TaskView.of(other).started_at is None


def test_task_waits_for_its_inputs_and_a_scan_for_the_device_and_its_data(
    world: MemoryPorts,
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    started, waiting = show(world)
    assert started.waits_for is None
    assert waiting.waits_for is not None
    assert waiting.waits_for.model_dump() == {"reason": None, "task_ids": (SCAN_ID,)}
    for changes, reason in (
        ({"start_lease_until": at(90).at}, NOT_CONFIRMED),
        ({"progress": 100}, NO_DATA_YET),
    ):
        world.store.commit(
            [get_task(world, SCAN_ID).evolve(**({"start_lease_until": None} | changes))]
        )
        world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(
            update={"progress": changes.get("progress", 0)}
        )
        shown = show(world)[0].waits_for
        assert shown is not None
        assert shown.reason == reason


def test_task_says_why_its_run_waits_until_airflow_has_taken_it(world: MemoryPorts) -> None:
    world.orchestrator.fail_with["trigger_dag_run"] = UpstreamUnreachableError("Airflow is away.")
    scan(world)
    deliver_queue(world, 20)
    waiting = show(world)[1]
    world.orchestrator.fail_with.clear()
    world.queue.dag_run_ids.append(waiting.dag_run_id or "")
    deliver_queue(world, 200)
    running = show(world)[1]

    assert waiting.waits_for is not None
    assert waiting.waits_for.reason == "Airflow is away."
    assert (running.status, running.waits_for) == ("IN_PROGRESS", None)


def test_failed_task_has_its_end_and_waits_for_nothing(world: MemoryPorts) -> None:
    scan(world)
    deliver_queue(world)
    run_id = get_task(world, RECONSTRUCTION_ID).dag_run_id or ""
    failed = Callback(success=False, error="out of memory")
    call(receive_results, world, callback_token(world, run_id), failed, at(60))

    shown = show(world)[1]

    assert (shown.status, shown.finished_at, shown.waits_for) == ("FAILED", at(60).at, None)
