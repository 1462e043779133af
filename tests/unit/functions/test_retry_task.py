import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import SCAN_ID, TOKEN, WORKFLOW_ID, at
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.services.cancel_task import cancel_task
from workflow_manager.services.process_workflow import process_workflow

SUCCESS = load_event("retry_task", "success")


@pytest.fixture(autouse=True)
def scanning(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))


def test_retry_task_answers_as_trigger_task_does_with_the_next_attempt(
    invoke: Invoke, world: MemoryPorts
) -> None:
    call(cancel_task, world, WORKFLOW_ID, SCAN_ID, at(20))

    answer = invoke("retry_task", SUCCESS)

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert (body["status"], body["data"]) == ("success", "ok")
    assert (body["task"]["status"], body["task"]["attempt"]) == ("IN_PROGRESS", 2)


def test_retry_task_answers_409_while_the_task_is_in_progress(
    invoke: Invoke, world: MemoryPorts
) -> None:
    answer = invoke("retry_task", SUCCESS)

    assert answer["statusCode"] == 409
    assert read_body(answer)["detail"] == "The task is in progress: cancel it first."
    assert len(world.scan.starts) == 1


def test_retry_task_answers_404_for_an_unknown_task(invoke: Invoke) -> None:
    answer = invoke("retry_task", load_event("retry_task", "unknown_task"))

    assert answer["statusCode"] == 404
    assert read_body(answer)["detail"] == "The workflow has no such task."
