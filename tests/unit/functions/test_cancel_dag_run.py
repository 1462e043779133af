from typing import Any

from tests.fakes.ports import MemoryPorts
from tests.fakes.world import deliver, make_dag_data
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.dag_run import object_dag_run_id
from workflow_manager.domain.errors import UpstreamUnreachableError

RUN_ID = object_dag_run_id(make_dag_data())
EVENT: dict[str, Any] = load_event("cancel_dag_run", "success") | {
    "path": f"/v1/workflowmanager/dag_runs/{RUN_ID}/cancel/"
}


def test_cancel_dag_run_shows_the_run_and_that_it_is_stopped(
    invoke: Invoke, world: MemoryPorts
) -> None:
    deliver(world, make_dag_data())

    answer = invoke("cancel_dag_run", EVENT)

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert (body["dag_run_id"], body["state"]) == (RUN_ID, "CANCELLED")
    assert (body["reason"], body["message"]) == (
        "Cancelled by operator.",
        "The run was cancelled, and is stopped.",
    )


def test_cancel_dag_run_says_what_airflow_has_not_confirmed(
    invoke: Invoke, world: MemoryPorts
) -> None:
    deliver(world, make_dag_data())
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")

    body = read_body(invoke("cancel_dag_run", EVENT))

    assert body["state"] == "CANCELLED"
    assert "Airflow has not confirmed yet" in body["message"]


def test_cancel_dag_run_answers_404_for_an_unknown_run(invoke: Invoke) -> None:
    answer = invoke("cancel_dag_run", load_event("cancel_dag_run", "unknown_run"))

    assert answer["statusCode"] == 404
    assert read_body(answer)["detail"].startswith("There is no such run")
