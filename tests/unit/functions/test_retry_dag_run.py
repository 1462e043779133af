from typing import Any

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import at, deliver, make_dag_data
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.dag_run import object_dag_run_id
from workflow_manager.services.cancel_dag_run import cancel_dag_run

RUN_ID = object_dag_run_id(make_dag_data())
EVENT: dict[str, Any] = load_event("retry_dag_run", "success") | {
    "path": f"/v1/workflowmanager/dag_runs/{RUN_ID}/retry/"
}


def test_retry_dag_run_shows_the_new_run(invoke: Invoke, world: MemoryPorts) -> None:
    deliver(world, make_dag_data())
    call(cancel_dag_run, world, RUN_ID, at(20))

    answer = invoke("retry_dag_run", EVENT)

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert (body["state"], body["attempt"]) == ("PENDING", 2)
    assert body["dag_run_id"] == object_dag_run_id(make_dag_data(), 2)
    assert world.queue.dag_run_ids[-1] == body["dag_run_id"]
