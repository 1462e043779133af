"""What trips an implementer of ScanHub's contract of 2026-02: each trap, and its end here."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.fakes.contract import speak
from tests.fakes.wire import WireFault
from tests.integration.contract.runner import (
    count_starts,
    deliver,
    find_task,
    follow,
    forget_logins,
    reset,
)
from tests.integration.contract.task_cells import DAG_TASK, SDK_TASK
from tests.integration.deployment import Deployment, deploy, put_part
from tests.integration.patient import HEIGHT_CM, WEIGHT_KG
from workflow_manager.contract import Contract
from workflow_manager.domain.device_look import SAID_ERROR
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.reconcile_runs import reconcile_runs
from workflow_manager.steps.scans.end_overdue_task import NO_DATA
from workflow_manager.wiring import PORTS, with_ports

C = Contract.FEBRUARY_2026
NO_RAW_DATA = "The scanner is done, and its raw data has not arrived yet."
TASK, START = "/api/v1/exam/task", "/api/v1/device/start_scan_via_websocket"


@pytest.fixture(scope="module")
def deployment(aws: None) -> Iterator[Deployment]:
    with speak(C), deploy(C) as deployment, pytest.MonkeyPatch.context() as patch:
        patch.setitem(PORTS, "store", lambda: deployment.store)
        yield deployment


@pytest.fixture(autouse=True)
def fresh(deployment: Deployment) -> None:
    reset(deployment)
    forget_logins()
    deployment.stand_in.recorder.clear()
    deployment.add_workflow(SDK_TASK, DAG_TASK)


def read(deployment: Deployment, number: int = 0) -> dict[str, Any]:
    task_id = deployment.task_ids[number]
    found: dict[str, Any] = deployment.scanhub.get(f"{TASK}/{task_id}").raise_for_status().json()
    return found


def write(deployment: Deployment, number: int = 0, **changes: Any) -> None:
    task = read(deployment, number) | changes
    deployment.scanhub.put(f"{TASK}/{task['id']}", json=task).raise_for_status()


def trigger(deployment: Deployment, number: int = 0) -> tuple[int, dict[str, Any]]:
    path = f"/trigger_task/{deployment.task_ids[number]}/"
    answer = deployment.call("trigger_task", "POST", path)
    return answer["statusCode"], json.loads(answer["body"] or "{}")


def start(deployment: Deployment) -> None:
    """Start the scan, whose device is heard from no more than the test says."""
    status, body = trigger(deployment)
    assert (status, body["data"]) == (200, "Device task started successfully.")
    for thread in list(deployment.stand_in.scanner._running.values()):
        thread.join()


def say(deployment: Deployment, status: str, **data: int) -> None:
    message = {"status": status, "data": data, "task_id": deployment.task_ids[0]}
    message["user_access_token"] = deployment.token
    deployment.stand_in.devices.update_status(deployment.device_id, message)


def send_file(deployment: Deployment, content: bytes = b"raw data", *, is_whole: bool) -> None:
    announced = {"filename": "scan.mrd", "size_bytes": len(content)}
    announced |= {"task_id": deployment.task_ids[0], "user_access_token": deployment.token}
    announced |= {"device_id": deployment.device_id}
    transfer = deployment.stand_in.devices.begin_transfer(announced)
    transfer.write(content if is_whole else content[:-1])
    transfer.finish()


def upload(deployment: Deployment) -> None:
    """Bring the raw data into the data lake, and let the run begin."""
    wanted = {"task_id": deployment.task_ids[0], "file_name": "scan.h5", "size_bytes": 4}
    plan = json.loads(deployment.call("create_upload", "POST", "/uploads/", wanted)["body"])
    body = {"parts": [{"part_number": 1, "etag": put_part(plan)}]}
    path = f"/uploads/{plan['upload_id']}/complete/"
    assert deployment.call("complete_upload", "POST", path, body)["statusCode"] == 200
    deliver(deployment)


def take_turns(deployment: Deployment, *minutes: float) -> None:
    for minute in minutes:
        at = datetime.now(UTC) + timedelta(minutes=minute)
        with_ports(reconcile_runs)(Cause("reconcile_runs", "r", at))
    follow(deployment)


def our_status(deployment: Deployment) -> TaskStatus:
    task = find_task(deployment)
    assert task is not None
    return task.status


def test_the_device_gets_the_limits_and_the_page_may_call_twice(deployment: Deployment) -> None:
    start(deployment)
    assert trigger(deployment)[0] == 200
    [sent] = [each for each in deployment.stand_in.recorder.to_json() if each["path"] == START]
    body = sent["body"] if isinstance(sent["body"], dict) else json.loads(sent["body"])
    limits = body["acquisition_limits"]
    assert (limits["patient_height"], limits["patient_weight"]) == (HEIGHT_CM, WEIGHT_KG)
    assert limits.keys() == {
        "patient_height",
        "patient_weight",
        "patient_gender",
        "patient_age",
    }
    assert body["id"] == deployment.task_ids[0]


def test_nothing_of_a_task_is_lost_by_our_reports(deployment: Deployment) -> None:
    write(deployment, calibration=["shims"])
    before = read(deployment)
    start(deployment)
    say(deployment, "ERROR")
    take_turns(deployment, 1)
    after = read(deployment)
    kept = before.keys() - {"status", "progress", "datetime_updated", "results"}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert (after["status"], after["progress"]) == ("ERROR", 0)


def test_a_device_in_error_is_the_failure_of_its_task(deployment: Deployment) -> None:
    start(deployment)
    say(deployment, "BUSY", progress=40)
    take_turns(deployment, 1)
    assert our_status(deployment) is TaskStatus.IN_PROGRESS
    say(deployment, "ERROR")
    # As the SDK does, which so leaves no trace at device-manager.
    say(deployment, "ONLINE")
    take_turns(deployment, 2)
    task = find_task(deployment)
    assert task is not None
    assert (task.status, task.reason) == (TaskStatus.FAILED, SAID_ERROR)


@pytest.mark.parametrize(
    ("spoil", "status", "reason"),
    [
        (
            lambda each: each.stand_in.devices.disconnect(each.device_id),
            *(502, "Not started: the device is offline."),
        ),
        (
            lambda each: each.stand_in.devices.break_socket(each.device_id),
            *(502, "Start not confirmed: the device gave no clear answer."),
        ),
        (
            lambda each: write(each, device_id=str(uuid4())),
            *(502, 'Not started: device-manager says "Device not found".'),
        ),
    ],
)
def test_a_start_in_vain_is_an_error_and_not_started(
    deployment: Deployment, spoil: Any, status: int, reason: str
) -> None:
    spoil(deployment)
    answered, body = trigger(deployment)
    assert (answered, body["detail"]) == (status, "Error at starting device task.")
    assert body["reason"].startswith(reason)
    follow(deployment)
    assert read(deployment)["status"] == "ERROR"


# By the kind of failure: what is answered, and whether the device may scan all the same.
FAILURES: list[tuple[WireFault, int, str, bool]] = [
    (WireFault("exam-manager", "GET", "/task/", "500"), 502, "Failed to fetch task", False),
    (WireFault("exam-manager", "GET", "/task/", "garbage"), 502, "Failed to fetch task", False),
    (WireFault("exam-manager", "GET", "/task/", "slow"), 504, "Failed to fetch task", False),
    (WireFault("exam-manager", "GET", "/workflow/", "503"), 503, "Failed to fetch workflow", False),
    (WireFault("patient-manager", "GET", "", "garbage"), 502, "Failed to fetch patient", False),
    (WireFault("exam-manager", "GET", "/sequence/", "drop"), 502, "Could not retreive", False),
    (WireFault("device-manager", "POST", "", "slow"), 502, "Error at starting device", True),
    (WireFault("device-manager", "POST", "", "502"), 502, "Error at starting device", True),
    (WireFault("device-manager", "POST", "", "refused"), 502, "Error at starting device", False),
]


@pytest.mark.parametrize(
    ("fault", "status", "detail", "may_scan"), FAILURES, ids=lambda each: getattr(each, "kind", "")
)
def test_each_neighbours_failure_is_told_and_starts_nothing_twice(
    deployment: Deployment, fault: WireFault, status: int, detail: str, *, may_scan: bool
) -> None:
    deployment.wire.faults.append(fault)
    answered, body = trigger(deployment)
    assert (answered, body["detail"].startswith(detail)) == (status, True)
    deployment.wire.faults.clear()
    task = find_task(deployment)
    if task is not None:
        assert task.status is TaskStatus.FAILED
        assert (task.may_scan_until is not None) is may_scan
    follow(deployment)
    assert read(deployment)["status"] == ("NEW" if task is None else "ERROR")
    assert count_starts(deployment) <= 1


@pytest.mark.parametrize("kind", ["500", "garbage", "slow"])
def test_a_patient_who_cannot_be_read_is_named_in_no_log(deployment: Deployment, kind: str) -> None:
    # ScanHub's text for it has the patient's id; the fixture `confidential_log` reads the log.
    deployment.wire.faults.append(WireFault("patient-manager", "GET", "", kind))
    path = f"/process/{deployment.workflow_id}/"
    answer = deployment.call("process_workflow", "POST", path)
    deployment.wire.faults.clear()
    assert answer["statusCode"] in {502, 504}
    assert count_starts(deployment) == 0


def test_an_acquisition_with_nothing_to_scan_is_left_alone(deployment: Deployment) -> None:
    write(deployment, calibration=[], sequence_id=None)
    before = read(deployment)
    assert trigger(deployment) == (204, {})
    assert read(deployment) == before
    assert count_starts(deployment) == 0


@pytest.mark.parametrize(("calibration", "sequence_id"), [([], ""), (["shims"], None)])
def test_an_acquisition_without_its_sequence_is_told_as_no_success(
    deployment: Deployment, calibration: list[str], sequence_id: str | None
) -> None:
    # "" is what the page writes where no sequence was chosen: by a 204 it would show "started".
    write(deployment, calibration=calibration, sequence_id=sequence_id)
    status, body = trigger(deployment)
    assert (status, body["detail"]) == (422, 'The task\'s args lack "sequence_id".')
    assert count_starts(deployment) == 0


@pytest.mark.parametrize(
    ("take_back", "shown"),
    [
        (lambda _: None, "FINISHED"),
        # Device-manager takes any progress, of a task that has ended too.
        (lambda each: say(each, "BUSY", progress=95), "INPROGRESS"),
        # The page's "Edit" writes the whole task as it was loaded.
        (lambda each: write(each, status="UPDATED", progress=0), "UPDATED"),
    ],
)
def test_a_finished_scan_waits_for_the_file_that_is_on_its_way(
    deployment: Deployment, take_back: Callable[[Deployment], None], shown: str
) -> None:
    start(deployment)
    say(deployment, "BUSY", progress=100)
    send_file(deployment, is_whole=False)
    take_turns(deployment, 1)
    take_back(deployment)
    say(deployment, "ONLINE")
    take_turns(deployment, *range(2, 12))
    task = find_task(deployment)
    assert task is not None
    assert task.waits_for_data
    assert read(deployment)["status"] == shown
    take_turns(deployment, 122)
    task = find_task(deployment)
    assert task is not None
    # Nobody is told to scan again.
    assert (task.reason, read(deployment)["status"]) == (NO_DATA, shown)


@pytest.mark.parametrize("is_whole", [True, False])
def test_the_end_of_a_scan_that_was_swallowed_is_told_by_its_file(
    deployment: Deployment, *, is_whole: bool
) -> None:
    start(deployment)
    say(deployment, "BUSY", progress=80)
    take_turns(deployment, 1)
    send_file(deployment, is_whole=is_whole)
    say(deployment, "ONLINE")
    take_turns(deployment, *range(2, 12))
    task = find_task(deployment)
    assert task is not None
    if is_whole:
        shown = deployment.call("get_workflow", "GET", f"/workflows/{deployment.workflow_id}/")
        scan = json.loads(shown["body"])["tasks"][0]
        assert (scan["progress"], scan["waits_for"]["reason"]) == (100, NO_RAW_DATA)
    assert task.waits_for_data is is_whole
    assert (task.status is TaskStatus.FAILED) is not is_whole


def test_a_scan_whose_last_words_were_all_swallowed_is_not_offered_again(
    deployment: Deployment,
) -> None:
    # Neither 100 nor ONLINE was heard: its device counts as scanning for ever.
    start(deployment)
    say(deployment, "BUSY", progress=80)
    take_turns(deployment, 1)
    send_file(deployment, is_whole=True)
    take_turns(deployment, 119)
    assert our_status(deployment) is TaskStatus.IN_PROGRESS
    take_turns(deployment, 121)
    task = find_task(deployment)
    assert task is not None
    assert (task.status, task.reason) == (TaskStatus.FAILED, NO_DATA)
    assert read(deployment)["status"] == "INPROGRESS"
    upload(deployment)
    assert our_status(deployment) is TaskStatus.COMPLETED


def test_scan_to_result_as_the_page_sees_it(deployment: Deployment) -> None:
    start(deployment)
    say(deployment, "BUSY", progress=100)
    send_file(deployment, is_whole=True)
    take_turns(deployment, 1)
    upload(deployment)

    told = read(deployment, 1)
    [result] = told["results"]
    run_id = result["meta"]["run_id"]
    assert told["status"] == "INPROGRESS"
    assert (result["type"], result["files"]) == ("DICOM", [])
    [conf] = [run["conf"] for run in deployment.airflow.runs.values()]
    assert conf["dag_run_id"] == run_id
    key = f"result/{run_id}/image.dcm"
    body = {"success": True, "results": [{"type": "DICOM", "key": key}]}
    headers: dict[str, str | None] = {"Authorization": f"Bearer {conf['user_token']}"}
    path = f"/result_ready/{result['id']}"
    answer = deployment.call("receive_results", "POST", path, body, headers, actor=None)
    assert answer["statusCode"] == 200
    follow(deployment)

    told = read(deployment, 1)
    [result] = told["results"]
    place = f"{deployment.workflow_id}/{deployment.task_ids[1]}/{result['id']}"
    assert (told["status"], told["progress"]) == ("FINISHED", 100)
    assert (result["files"], result["meta"]["instance_count"]) == (["image.dcm"], 1)
    [url] = result["meta"]["instances"]
    assert url.endswith(f"/api/v1/exam/dcm/{place}/image.dcm")


def test_why_a_run_failed_is_in_its_result(deployment: Deployment) -> None:
    write(deployment, status="FINISHED", progress=100)
    upload(deployment)
    [conf] = [run["conf"] for run in deployment.airflow.runs.values()]
    assert deployment.call_back(conf, {"success": False, "error": "No k-space."}) == 200
    follow(deployment)
    told = read(deployment, 1)
    assert (told["status"], told["progress"]) == ("ERROR", 0)
    assert told["results"][0]["meta"]["reason"] == "No k-space."


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        # What the copy of a template leaves of an input from outside.
        ([], "DAG task input does not exist"),
        # What exam-manager leaves of an input that was deleted.
        ([str(uuid4())], "which the workflow lacks"),
    ],
)
def test_a_dag_task_without_its_input_is_refused_and_left_alone(
    deployment: Deployment, inputs: list[str], problem: str
) -> None:
    write(deployment, 1, input_task_ids=inputs)
    before = read(deployment, 1)
    status, body = trigger(deployment, 1)
    assert status == 422
    assert problem in body["detail"]
    assert read(deployment, 1) == before
    assert deployment.airflow.runs == {}


def test_an_edit_in_mid_scan_starts_no_second_one(deployment: Deployment) -> None:
    start(deployment)
    # Somebody else looks at the page, whose "Edit" writes the whole task as it was loaded.
    write(deployment, status="UPDATED", progress=0)
    answer = deployment.call(
        "trigger_task", "POST", f"/trigger_task/{deployment.task_ids[0]}/", actor="somebody else"
    )
    assert answer["statusCode"] == 409
    assert count_starts(deployment) == 1


def test_a_task_that_was_moved_has_its_new_place(deployment: Deployment) -> None:
    path = f"/workflows/{deployment.workflow_id}/"
    start(deployment)
    moved = {"task_ids": list(reversed(deployment.task_ids))}
    deployment.scanhub.put(f"{TASK}/reorder", json=moved).raise_for_status()
    assert deployment.call("process_workflow", "POST", f"/process/{deployment.workflow_id}/")
    body = json.loads(deployment.call("get_workflow", "GET", path)["body"])
    assert [task["task_id"] for task in body["tasks"]] == list(reversed(deployment.task_ids))


def test_a_deployment_for_another_generation_says_so(deployment: Deployment) -> None:
    with speak(Contract.MARCH_2025):
        status, body = trigger(deployment)
        take_turns(deployment, 1)
        readiness = deployment.call("check_readiness", "GET", "/health/readiness", actor=None)
    words = "exam-manager speaks 2026-02, deployed for 2025-03"
    assert (status, body["detail"]) == (503, words)
    assert words in json.loads(readiness["body"])["degraded"]
    assert count_starts(deployment) == 0
