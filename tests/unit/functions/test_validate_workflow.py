from tests.fakes.ports import MemoryPorts
from tests.fakes.world import DAG_ID, RECONSTRUCTION_ID, SCAN_ID, WORKFLOW_ID
from tests.unit.functions.conftest import Invoke, load_event, read_body


def test_validate_workflow_shows_what_would_start_and_in_which_order(invoke: Invoke) -> None:
    answer = invoke("validate_workflow", load_event("validate_workflow", "success"))

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert (body["workflow_id"], body["is_valid"], body["problems"]) == (WORKFLOW_ID, True, [])
    assert body["would_start"] == [SCAN_ID]
    assert [(task["task_id"], task["start"]) for task in body["tasks"]] == [
        (SCAN_ID, "process"),
        (RECONSTRUCTION_ID, "by_itself"),
    ]


def test_validate_workflow_names_a_problem_with_200(invoke: Invoke, world: MemoryPorts) -> None:
    world.orchestrator.dags.clear()

    answer = invoke("validate_workflow", load_event("validate_workflow", "success"))

    body = read_body(answer)
    assert (answer["statusCode"], body["is_valid"]) == (200, False)
    assert body["tasks"][1]["problems"] == [f"Airflow does not know the DAG {DAG_ID}."]


def test_validate_workflow_answers_404_for_an_unknown_workflow(invoke: Invoke) -> None:
    answer = invoke("validate_workflow", load_event("validate_workflow", "unknown_workflow"))

    assert answer["statusCode"] == 404
    assert read_body(answer)["detail"] == "Failed to fetch workflow data"
