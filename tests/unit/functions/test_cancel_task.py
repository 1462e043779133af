from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import RECONSTRUCTION_ID, TOKEN, WORKFLOW_ID, at
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.services.process_workflow import process_workflow


def test_cancel_task_tells_what_it_means_and_shows_the_task(
    invoke: Invoke, world: MemoryPorts
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    answer = invoke("cancel_task", load_event("cancel_task", "success"))

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert body["message"] == "The task was cancelled before it started."
    assert (body["task"]["task_id"], body["task"]["status"]) == (RECONSTRUCTION_ID, "CANCELLED")
    assert body["task"]["reason"] == "Cancelled by operator."
