from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import TOKEN, WORKFLOW_ID, at
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.services.process_workflow import process_workflow


def test_cancel_workflow_tells_what_it_means_and_shows_all_tasks(
    invoke: Invoke, world: MemoryPorts
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    answer = invoke("cancel_workflow", load_event("cancel_workflow", "success"))

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert body["message"].startswith("The workflow was cancelled, with 2 of its tasks.")
    assert (body["workflow_id"], body["workflow_status"]) == (WORKFLOW_ID, "cancelled")
    assert [task["status"] for task in body["tasks"]] == ["CANCELLED"] * 2
