from datetime import timedelta
from typing import Any

from tests.contracts.samples import make_finished_run, make_run
from tests.fakes.ports import MemoryPorts
from tests.fakes.world import deliver, make_dag_data
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.dag_run import object_dag_run_id
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
    run = make_run()
    world.clock = lambda: run.created_at + timedelta(seconds=80)
    world.store.commit([run, make_finished_run("run-2")])

    answers = [invoke("get_dag_run", make_event(each)) for each in ("run-1", "run-2")]

    assert [each["headers"].get("retry-after") for each in answers] == ["4", None]


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


def test_get_dag_run_leaves_airflow_alone_when_it_is_told_to(
    invoke: Invoke, world: MemoryPorts
) -> None:
    deliver(world, make_dag_data())
    event = make_event(object_dag_run_id(make_dag_data()))
    event["multiValueQueryStringParameters"] = {"task_instances": ["false"]}

    body = read_body(invoke("get_dag_run", event))

    assert (body["task_instances"], body["airflow_url"]) == (None, None)
