import pytest

from tests.fakes.ports import MemoryPorts
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.errors import NeighbourRefusedError, UpstreamTimeoutError


def test_trigger_task_keeps_scanhubs_answer_and_tells_the_task(invoke: Invoke) -> None:
    answer = invoke("trigger_task", load_event("trigger_task", "device_task"))

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert (body["status"], body["data"]) == ("success", "ok")
    assert body["task"]["status"] == "IN_PROGRESS"


def test_trigger_task_passes_on_that_a_task_is_unknown(invoke: Invoke) -> None:
    answer = invoke("trigger_task", load_event("trigger_task", "unknown_task"))

    task_id = "00000000-0000-4000-8000-000000000000"
    assert answer["statusCode"] == 404
    assert read_body(answer)["detail"] == f"Failed to fetch task with id={task_id}"


def test_trigger_task_answers_409_while_it_waits_or_runs(invoke: Invoke) -> None:
    waiting = invoke("trigger_task", load_event("trigger_task", "reconstruction_task"))
    invoke("trigger_task", load_event("trigger_task", "device_task"))
    running = invoke("trigger_task", load_event("trigger_task", "device_task"))

    assert (waiting["statusCode"], running["statusCode"]) == (409, 409)


@pytest.mark.parametrize(
    ("operation", "detail"),
    [("get_workflow", "Failed to fetch workflow"), ("get_exam", "Failed to fetch exam")],
)
@pytest.mark.parametrize(("status", "expected"), [(404, 404), (401, 401), (503, 503), (500, 502)])
def test_trigger_task_passes_on_its_neighbours_statuses(
    invoke: Invoke, world: MemoryPorts, operation: str, detail: str, status: int, expected: int
) -> None:
    world.exam.fail_with[operation] = NeighbourRefusedError(detail, status)

    answer = invoke("trigger_task", load_event("trigger_task", "device_task"))

    assert (answer["statusCode"], read_body(answer)["detail"]) == (expected, detail)


def test_trigger_task_answers_504_when_a_neighbour_is_slow(
    invoke: Invoke, world: MemoryPorts
) -> None:
    world.exam.fail_with["get_task"] = UpstreamTimeoutError("Failed to fetch task")

    answer = invoke("trigger_task", load_event("trigger_task", "device_task"))

    assert answer["statusCode"] == 504
