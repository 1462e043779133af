from typing import Any

from tests.fakes.ports import MemoryPorts
from tests.fakes.world import deliver, follow, make_dag_data
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.dag_run import object_dag_run_id

RUN_ID = object_dag_run_id(make_dag_data())
EVENT: dict[str, Any] = load_event("cancel_dag_run", "success") | {
    "path": f"/v1/workflowmanager/dag_runs/{RUN_ID}/cancel/"
}


def test_cancel_dag_run_shows_the_run_and_whether_it_is_stopped(
    invoke: Invoke, world: MemoryPorts
) -> None:
    deliver(world, make_dag_data())

    answer = invoke("cancel_dag_run", EVENT)

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert (body["dag_run_id"], body["state"]) == (RUN_ID, "CANCELLED")
    assert (body["reason"], body["message"]) == (
        "Cancelled by operator.",
        "The run was cancelled. Airflow has not confirmed yet that it has stopped.",
    )
    assert body["stopped_at"] is None

    follow(world)

    again = read_body(invoke("cancel_dag_run", EVENT))
    assert again["message"] == "The run was cancelled, and is stopped."
    assert again["stopped_at"] is not None
