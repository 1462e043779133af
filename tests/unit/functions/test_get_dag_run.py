from datetime import timedelta
from typing import Any

import pytest

from tests.contracts.samples import make_finished_run, make_run
from tests.fakes.ports import MemoryPorts
from tests.fakes.world import deliver, make_dag_data
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.dag_run import DagRunState, object_dag_run_id
from workflow_manager.domain.errors import UpstreamUnreachableError


def make_event(run_id: str) -> dict[str, Any]:
    path = f"/v1/workflowmanager/dag_runs/{run_id}/"
    return load_event("get_dag_run", "success") | {"path": path}


def test_get_dag_run_shows_a_run_without_its_tokens_hash(
    invoke: Invoke, world: MemoryPorts
) -> None:
    deliver(world, make_dag_data())
    run_id = object_dag_run_id(make_dag_data())

    answer = invoke("get_dag_run", make_event(run_id))

    body = read_body(answer)
    assert (answer["statusCode"], body["state"]) == (200, "RUNNING")
    assert not any("token" in name or "hash" in name for name in body)


def test_get_dag_run_answers_304_until_the_run_moves(invoke: Invoke, world: MemoryPorts) -> None:
    world.store.commit([make_run()])
    event = load_event("get_dag_run", "success") | {"path": "/v1/workflowmanager/dag_runs/run-1/"}
    first = invoke("get_dag_run", event)
    event["multiValueHeaders"]["If-None-Match"] = [first["headers"]["etag"]]
    unchanged = invoke("get_dag_run", event)
    world.store.commit([make_run(version=1, progress=50)])
    moved = invoke("get_dag_run", event)

    assert (first["statusCode"], unchanged["statusCode"], moved["statusCode"]) == (200, 304, 200)
    assert (unchanged["body"], unchanged["isBase64Encoded"]) == ("", False)
    assert unchanged["headers"]["etag"] == first["headers"]["etag"] != moved["headers"]["etag"]


def test_get_dag_run_tells_how_long_to_wait_while_it_goes_on(
    invoke: Invoke, world: MemoryPorts
) -> None:
    # Given a run that tells nothing, one that was at 80 % after 70 s, and one that has ended
    silent = make_run()
    at = silent.created_at
    told = {"started_at": at, "progress": 80, "progress_at": at + timedelta(seconds=70)}
    world.clock = lambda: at + timedelta(seconds=80)
    world.store.commit([silent, make_run("run-2", **told), make_finished_run("run-3")])

    answers = [invoke("get_dag_run", make_event(each)) for each in ("run-1", "run-2", "run-3")]

    # Then that which is to end in 7.5 s is asked for in three tenths of that
    assert [each["headers"].get("retry-after") for each in answers] == ["10", "2", None]


def test_get_dag_run_shows_its_tasks_in_airflow_and_a_link(
    invoke: Invoke, world: MemoryPorts
) -> None:
    deliver(world, make_dag_data())
    body = read_body(invoke("get_dag_run", make_event(object_dag_run_id(make_dag_data()))))

    assert [each["task_id"] for each in body["task_instances"]] == ["reconstruct"]
    assert body["airflow_url"].endswith(f"/runs/{body['dag_run_id']}")


def test_get_dag_run_shows_our_own_state_while_airflow_is_away(
    invoke: Invoke, world: MemoryPorts
) -> None:
    deliver(world, make_dag_data())
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")

    answer = invoke("get_dag_run", make_event(object_dag_run_id(make_dag_data())))

    body = read_body(answer)
    assert (answer["statusCode"], body["state"]) == (200, "RUNNING")
    assert (body["task_instances"], body["airflow_url"]) == (None, None)


@pytest.mark.parametrize(("passed_s", "is_shown"), [(59, False), (60, True)])
def test_get_dag_run_shows_within_a_minute_what_airflow_did_not_tell_of_an_ended_run(
    invoke: Invoke, world: MemoryPorts, passed_s: int, is_shown: bool
) -> None:
    began = world.clock().replace(second=0, microsecond=0)
    world.clock = lambda: began
    deliver(world, make_dag_data())
    run_id = object_dag_run_id(make_dag_data())
    run = world.store.get_dag_run(run_id)
    assert run is not None
    world.store.commit([run.evolve(state=DagRunState.SUCCEEDED)])
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")
    event = make_event(run_id)
    away = invoke("get_dag_run", event)

    world.orchestrator.outage = None
    world.clock = lambda: began + timedelta(seconds=passed_s)
    event["multiValueHeaders"]["If-None-Match"] = [away["headers"]["etag"]]
    back = invoke("get_dag_run", event)

    assert read_body(away)["task_instances"] is None
    assert (back["statusCode"] == 200) is is_shown
    assert not is_shown or read_body(back)["task_instances"]


def test_get_dag_run_leaves_airflow_alone_when_it_is_told_to(
    invoke: Invoke, world: MemoryPorts
) -> None:
    deliver(world, make_dag_data())
    event = make_event(object_dag_run_id(make_dag_data()))
    event["multiValueQueryStringParameters"] = {"task_instances": ["false"]}

    body = read_body(invoke("get_dag_run", event))

    assert (body["task_instances"], body["airflow_url"]) == (None, None)
