import io

from tests.fakes.ports import MemoryPorts
from tests.fakes.world import SCAN_ID, WORKFLOW_ID
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.errors import (
    UpstreamTimeoutError,
)

SUCCESS = load_event("process_workflow", "success")


def test_process_workflow_keeps_scanhubs_message_and_tells_the_task(invoke: Invoke) -> None:
    answer = invoke("process_workflow", SUCCESS)

    body = read_body(answer)
    assert answer["statusCode"] == 200
    assert body["message"] == "Workflow processed successfully"
    assert (body["workflow_id"], body["is_started"]) == (WORKFLOW_ID, True)
    assert (body["task"]["task_id"], body["task"]["status"]) == (SCAN_ID, "IN_PROGRESS")


def test_process_workflow_logs_no_token_and_nothing_of_the_patient(
    invoke: Invoke, world: MemoryPorts, log: io.StringIO
) -> None:
    world.scan.start_error = UpstreamTimeoutError("No answer in time.")

    invoke("process_workflow", SUCCESS)

    assert log.getvalue()
    for secret in ("a-users-token", "1985", "172", "FEMALE", "patient-1"):
        assert secret not in log.getvalue()
