"""A device's socket at device-manager, its failures, and what clients see of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.unit.local.conftest import Served, wait_until
from tests.unit.local.device_socket import Device

START_PATH = "/api/v1/device/start_scan_via_websocket"
FEEDBACK = {"command": "feedback", "message": "Device status updated successfully"}
REFUSED = {"message": "Invalild record id for update_status scanning."}
DEVICE = {"name": "n", "manufacturer": "m", "modality": "MRI", "status": "new", "ip_address": "i"}


@contextmanager
def connect(scanhub: Served) -> Iterator[Device]:
    url = scanhub.client.base_url
    device = Device(url.host, url.port or 0, "/api/v1/device/ws2")
    try:
        yield device
    finally:
        device.close()


def read_status(scanhub: Served, device_id: str) -> str:
    answer = scanhub.client.get(f"/api/v1/device/{device_id}/status").raise_for_status()
    return str(answer.json()["status"])


def wait_for_status(scanhub: Served, device_id: str, status: str) -> None:
    wait_until(lambda: {} if read_status(scanhub, device_id) == status else None)


def make_order(scanhub: Served) -> tuple[str, str, dict[str, Any]]:
    """Return device, device task, and the order for it; the task is STARTED."""
    device_id = scanhub.make_device()
    task_id = scanhub.make_workflow(device_id=device_id)["task_ids"][0]
    task = {**scanhub.get_task(task_id), "status": "STARTED"}
    scanhub.client.put(f"/api/v1/exam/task/{task_id}", json=task).raise_for_status()
    return device_id, task_id, scanhub.make_device_task(task_id, device_id)


def show(scanhub: Served, task_id: str) -> tuple[str, int]:
    task = scanhub.get_task(task_id)
    return task["status"], task["progress"]


def test_an_sdk_registers_scans_and_says_what_it_does(scanhub: Served) -> None:
    _, task_id, order = make_order(scanhub)
    with connect(scanhub) as device:
        # Given an SDK's device that is connected
        registered = device.ask(command="register", data=DEVICE | {"id": "sdk"})
        assert registered == FEEDBACK | {"message": "Device registered successfully"}
        again = device.ask(command="register", data=DEVICE | {"id": "sdk"})
        assert again["message"].startswith("Error registering device. In this session")
        # When it is told to scan
        order |= {"device_id": "sdk"}
        assert scanhub.client.post(START_PATH, json=order).json() is None
        start = device.read()
        assert (start["command"], start["data"]) == ("start", order)
        # Then its progress is the task's, which is FINISHED at exactly 100
        record = {"record_id": task_id, "user_access_token": scanhub.token}
        say = {"command": "update_status", "device_id": "sdk"}
        for progress, status in ((40, "STARTED"), (99, "STARTED"), (100, "FINISHED")):
            told = {"status": "scanning", "data": {"progress": progress}}
            assert device.ask(**say, **told, **record) == FEEDBACK
            assert show(scanhub, task_id) == (status, progress)
        # And any word is its status, which touches no task
        assert device.ask(**say, status="having a break", data=None) == FEEDBACK
        assert read_status(scanhub, "sdk") == "having a break"
        assert device.ask(**(say | {"device_id": "other"}), status="ready") == {
            "message": "Error updating device. Device ID does not match"
        }
    # And it is disconnected as soon as the socket closes, until it says something
    wait_for_status(scanhub, "sdk", "disconnected")
    assert scanhub.client.post(START_PATH, json=order).json() == {"detail": "Device offline."}
    with connect(scanhub) as device:
        known = device.ask(command="register", data=DEVICE | {"id": "sdk"})
        assert known["message"] == "Device already registered"
        assert read_status(scanhub, "sdk") == "disconnected"
        assert scanhub.client.post(START_PATH, json=order).status_code == 200


@pytest.mark.parametrize("wrong", [{"record_id": "x"}, {"user_access_token": "x"}, {}])
def test_progress_without_a_valid_task_and_token_is_refused(
    scanhub: Served, wrong: dict[str, str]
) -> None:
    device_id, task_id, _ = make_order(scanhub)
    record = {"record_id": task_id, "user_access_token": scanhub.token}
    record = record | wrong if wrong else {}
    with connect(scanhub) as device:
        say = {"command": "update_status", "device_id": device_id, "status": "scanning"}
        assert device.ask(**say, data={"progress": 40}, **record) == REFUSED
        unknown = {**say, "device_id": "unknown"}
        assert device.ask(**unknown) == {"message": "Device not registered"}
    assert (show(scanhub, task_id), read_status(scanhub, device_id)) == (("STARTED", 0), "scanning")


@pytest.mark.parametrize(
    ("fault", "state", "word", "is_connected"),
    [
        ("abort_scan", "failed", "error", True),
        ("log_out", "finished", "ready", True),
        ("drop_socket", "failed", "disconnected", False),
        ("kill_device_manager", "failed", "scanning", False),
    ],
)
def test_a_device_that_fails_leaves_the_task_as_it_was(
    scanhub: Served, fault: str, state: str, word: str, is_connected: bool
) -> None:
    # Given a fault of one device, when it scans
    device_id, task_id, order = make_order(scanhub)
    switch = {"service": "scanner", "kind": fault, "path_contains": device_id}
    scanhub.client.post("/_control/faults", json=switch).raise_for_status()
    assert scanhub.client.post(START_PATH, json=order).status_code == 200
    scanhub.wait_for_scan(task_id, state)
    # Then the device's last word tells, and the task does not
    if fault == "log_out":
        form = {"username": scanhub.seed["username"], "password": scanhub.seed["password"]}
        user = scanhub.client.post("/api/v1/userlogin/login", data=form).json()
        assert user["access_token"] != scanhub.token
        scanhub.client.headers["Authorization"] = f"Bearer {user['access_token']}"
    assert read_status(scanhub, device_id) == word
    assert show(scanhub, task_id) == ("STARTED", 50)
    assert scanhub.get_task(task_id)["comment"] is None
    # And it can be started if its socket is open
    scanhub.client.delete("/_control/faults")
    answer = scanhub.client.post(START_PATH, json=order)
    assert answer.status_code == (200 if is_connected else 503)
    if not is_connected:
        scanhub.client.post("/_control/devices", json={"id": device_id}).raise_for_status()
        assert read_status(scanhub, device_id) == word
        assert scanhub.client.post(START_PATH, json=order).status_code == 200
    scanhub.wait_for_scan(task_id, "finished")


def test_a_second_start_waits_in_the_sdk_and_then_runs(scanhub: Served) -> None:
    # Given a device that scans
    device_id, first, order = make_order(scanhub)
    scanhub.release.clear()
    scanhub.client.post(START_PATH, json=order).raise_for_status()
    # When it is told to make another scan
    second = scanhub.make_workflow(device_id=device_id)["task_ids"][0]
    order = scanhub.make_device_task(second, device_id)
    scanhub.client.post(START_PATH, json=order).raise_for_status()
    # Then that one waits, and runs in its turn
    assert scanhub.wait_for_scan(second, "waiting")["n_starts"] == 0
    scanhub.release.set()
    assert scanhub.wait_for_scan(second, "finished")["n_starts"] == 1
    assert show(scanhub, first) == ("FINISHED", 100)


def test_nothing_stops_a_scan_whose_task_was_cancelled(scanhub: Served) -> None:
    _, task_id, order = make_order(scanhub)
    scanhub.release.clear()
    scanhub.client.post(START_PATH, json=order).raise_for_status()
    task = {**scanhub.get_task(task_id), "status": "NEW", "progress": 0}
    scanhub.client.put(f"/api/v1/exam/task/{task_id}", json=task).raise_for_status()
    scanhub.release.set()
    scanhub.wait_for_scan(task_id, "finished")
    assert show(scanhub, task_id) == ("FINISHED", 100)
