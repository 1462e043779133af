from tests.fakes.world import WORKFLOW_ID
from tests.unit.functions.conftest import Invoke, load_event, read_body


def test_get_workflow_shows_tasks_and_events(invoke: Invoke) -> None:
    invoke("process_workflow", load_event("process_workflow", "success"))

    answer = invoke("get_workflow", load_event("get_workflow", "success"))

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert (body["workflow_id"], body["status"]) == (WORKFLOW_ID, "running")
    assert [task["status"] for task in body["tasks"]] == ["IN_PROGRESS", "PENDING"]
    assert [event["name"] for event in body["events"]] == ["define", "claim", "confirm_scan"]


def test_get_workflow_answers_404_for_an_unknown_workflow(invoke: Invoke) -> None:
    answer = invoke("get_workflow", load_event("get_workflow", "unknown_workflow"))

    assert answer["statusCode"] == 404
