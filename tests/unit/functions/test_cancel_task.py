from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import RECONSTRUCTION_ID, SCAN_ID, TOKEN, WORKFLOW_ID, at
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


def test_cancel_task_says_that_the_scanner_was_not_stopped(
    invoke: Invoke, world: MemoryPorts
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    path = f"/v1/workflowmanager/workflows/{WORKFLOW_ID}/tasks/{SCAN_ID}/cancel/"

    answer = invoke("cancel_task", load_event("cancel_task", "success") | {"path": path})

    assert "The scanner was not stopped" in read_body(answer)["message"]


def test_cancel_task_answers_404_for_an_unknown_task(invoke: Invoke, world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    answer = invoke("cancel_task", load_event("cancel_task", "unknown_task"))

    assert answer["statusCode"] == 404
    assert read_body(answer)["detail"] == "The workflow has no such task."
