import io

import pytest

from tests.fakes.ports import MemoryPorts
from tests.fakes.world import SCAN_ID, WORKFLOW_ID
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.errors import (
    NeighbourRefusedError,
    UpstreamError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)

SUCCESS = load_event("process_workflow", "success")


def test_process_workflow_keeps_scanhubs_message_and_tells_the_task(invoke: Invoke) -> None:
    answer = invoke("process_workflow", SUCCESS)

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert body["message"] == "Workflow processed successfully"
    assert (body["workflow_id"], body["is_started"]) == (WORKFLOW_ID, True)
    assert (body["task"]["task_id"], body["task"]["status"]) == (SCAN_ID, "IN_PROGRESS")


def test_process_workflow_answers_404_for_an_unknown_workflow(invoke: Invoke) -> None:
    answer = invoke("process_workflow", load_event("process_workflow", "unknown_workflow"))

    assert answer["statusCode"] == 404
    assert read_body(answer)["detail"] == "Failed to fetch workflow data"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UpstreamUnreachableError("Failed to fetch workflow data"), 502),
        (UpstreamError("Failed to fetch workflow data"), 502),
        (UpstreamTimeoutError("Failed to fetch workflow data"), 504),
        (NeighbourRefusedError("Failed to fetch workflow data", 400), 400),
        (NeighbourRefusedError("Failed to fetch workflow data", 401), 401),
        (NeighbourRefusedError("Failed to fetch workflow data", 503), 503),
        (NeighbourRefusedError("Failed to fetch workflow data", 500), 502),
    ],
)
def test_process_workflow_answers_for_its_neighbours(
    invoke: Invoke, world: MemoryPorts, error: UpstreamError, status: int
) -> None:
    world.exam.fail_with["get_workflow"] = error

    answer = invoke("process_workflow", SUCCESS)

    assert answer["statusCode"] == status
    assert read_body(answer)["detail"] == "Failed to fetch workflow data"


def test_process_workflow_tells_the_operator_that_a_start_is_not_confirmed(
    invoke: Invoke, world: MemoryPorts
) -> None:
    world.scan.start_error = UpstreamTimeoutError("No answer in time.")

    answer = invoke("process_workflow", SUCCESS)

    body = read_body(answer)
    assert answer["statusCode"] == 502
    assert body["detail"] == "Error at starting device task."
    assert body["reason"].startswith("Start not confirmed")


def test_process_workflow_logs_no_token_and_nothing_of_the_patient(
    invoke: Invoke, world: MemoryPorts, log: io.StringIO
) -> None:
    world.scan.start_error = UpstreamTimeoutError("No answer in time.")

    invoke("process_workflow", SUCCESS)

    assert log.getvalue()
    for secret in ("a-users-token", "1985", "172", "FEMALE", "patient-1"):
        assert secret not in log.getvalue()
