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
