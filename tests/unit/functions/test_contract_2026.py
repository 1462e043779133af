"""What the callers of ScanHub's workflow-manager of 2026-02 send and read."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.contract import speak
from tests.fakes.ports import MemoryPorts
from tests.fakes.world import (
    NOW,
    RECONSTRUCTION_ID,
    SCAN_ARGS,
    SCAN_ID,
    callback_token,
    deliver,
    deliver_queue,
    get_task,
    make_raw_data,
)
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.contract import Contract
from workflow_manager.domain.errors import LoginExpiredError
from workflow_manager.domain.exam import TaskType
from workflow_manager.domain.task import TaskStatus

RESULT_ID = "33333333-3333-4333-8333-333333333333"


@pytest.fixture(autouse=True)
def contract() -> Iterator[None]:
    with speak(Contract.FEBRUARY_2026):
        yield


def change_scan(world: MemoryPorts, **changes: Any) -> None:
    world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(update=changes)


def trigger(invoke: Invoke, case: str = "device_task") -> Any:
    return invoke("trigger_task", load_event("trigger_task", case))


def test_the_dags_are_the_jobs_of_the_pages_dialog(invoke: Invoke) -> None:
    answer = invoke("list_available_tasks", load_event("list_available_tasks", "success"))
    jobs = read_body(answer)
    assert answer["statusCode"] == 200
    names = ("job_id", "job_name", "repository", "location")
    assert [tuple(job[name] for name in names) for job in jobs] == [
        (f"airflow::dags::{dag_id}", "Reconstruction", "dags", "airflow")
        for dag_id in ("cartesian_reconstruction", "dag_reco")
    ]


def test_a_started_scan_is_told_in_the_words_of_the_contract(
    invoke: Invoke, world: MemoryPorts
) -> None:
    change_scan(world, type=TaskType.DEVICE_TASK_SDK)
    # The page triggers an acquisition twice by itself.
    for _ in range(2):
        answer = trigger(invoke)
        body = read_body(answer)
        assert answer["statusCode"] == 200
        assert (body["status"], body["data"]) == ("success", "Device task started successfully.")
        assert body["task"]["attempt"] == 1
    assert len(world.scan.starts) == 1


def test_a_started_run_is_told_by_its_id(invoke: Invoke, running: MemoryPorts) -> None:
    # Its data has started the first attempt.
    report(invoke, running, {"success": False})
    body = read_body(trigger(invoke, "reconstruction_task"))
    task = get_task(running, RECONSTRUCTION_ID)
    assert (body["message"], body["data"]) == ("DAG triggered successfully", task.dag_run_id)
    assert body["task"]["attempt"] == task.attempt == 2


@pytest.mark.parametrize("named", [{}, {"device_id": SCAN_ARGS["device_id"]}])
def test_an_acquisition_with_nothing_to_scan_is_left_as_it_is(
    invoke: Invoke, world: MemoryPorts, named: dict[str, str]
) -> None:
    change_scan(world, args=named | {"acquisition_parameter": "null"})
    answer = trigger(invoke)
    assert (answer["statusCode"], answer["body"]) == (204, "")
    assert (world.scan.starts, world.exam.reports) == ([], [])
    assert world.store.get_execution(world.exam.tasks[SCAN_ID].workflow_id or "") is None


def test_a_calibration_without_a_sequence_is_refused_with_the_reason(
    invoke: Invoke, world: MemoryPorts
) -> None:
    args = {"device_id": SCAN_ARGS["device_id"], "calibration": '["shims"]'}
    change_scan(world, args=args | {"acquisition_parameter": "null"})
    answer = trigger(invoke)
    assert answer["statusCode"] == 422
    assert 'lack "sequence_id"' in read_body(answer)["detail"]
    assert world.scan.starts == []


def test_an_ended_login_logs_the_user_of_scanhubs_page_out(
    invoke: Invoke, world: MemoryPorts
) -> None:
    world.exam.fail_with["get_task"] = LoginExpiredError()
    answer = trigger(invoke)
    body = read_body(answer)
    assert (answer["statusCode"], body["detail"]) == (401, "Invalid token.")
    assert body["reason"] == "Your login has expired: log in again."


def report(invoke: Invoke, world: MemoryPorts, body: dict[str, Any]) -> Any:
    """Call back by the path of today's, with the token of the reconstruction's run."""
    event = load_event("receive_results", "for_task")
    run_id = get_task(world, RECONSTRUCTION_ID).dag_run_id or ""
    event["headers"]["Authorization"] = f"Bearer {callback_token(world, run_id)}"
    event["multiValueHeaders"]["Authorization"] = [event["headers"]["Authorization"]]
    event["path"] = f"/v1/workflowmanager/result_ready/{RESULT_ID}"
    event["body"] = json.dumps(body)
    return invoke("receive_results", event)


@pytest.fixture
def running(world: MemoryPorts, invoke: Invoke) -> MemoryPorts:
    assert trigger(invoke)["statusCode"] == 200
    deliver(world, make_raw_data(), (datetime.now(UTC) - NOW).total_seconds())
    deliver_queue(world, (datetime.now(UTC) - NOW).total_seconds())
    return world


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"success": False}, TaskStatus.FAILED),
        # It names no file: that the run has ended, and what it has left, is found in Airflow.
        ({"success": True}, TaskStatus.IN_PROGRESS),
    ],
)
def test_a_callback_is_keyed_by_the_result(
    invoke: Invoke, running: MemoryPorts, body: dict[str, Any], status: TaskStatus
) -> None:
    answer = report(invoke, running, body)
    assert answer["statusCode"] == 200
    assert read_body(answer) == {"message": "Results ready notification sent successfully."}
    assert get_task(running, RECONSTRUCTION_ID).status is status


def test_a_callback_without_success_is_refused(invoke: Invoke, running: MemoryPorts) -> None:
    assert report(invoke, running, {})["statusCode"] == 422


def test_the_description_is_that_of_the_contract(invoke: Invoke) -> None:
    document = read_body(invoke("get_openapi", load_event("get_openapi", "openapi")))
    assert "/result_ready/{result_id}" in document["paths"]
    assert "Job" in document["components"]["schemas"]


def test_readiness_has_the_word_that_the_page_waits_for(invoke: Invoke) -> None:
    answer = invoke("check_readiness", load_event("check_readiness", "success"))
    assert (answer["statusCode"], read_body(answer)["status"]) == (200, "ok")
