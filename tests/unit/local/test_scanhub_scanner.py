"""The simulated scanner scans once per order and delivers through the API."""

import signal
import subprocess
import sys
from typing import Any

import httpx
import pytest

from tests.fakes.upload_server import UPLOAD_ID, refuse
from tests.unit.local.conftest import API_URL, RAW_DATA, Served

START_PATH = "/api/start-scan"
WEBSOCKET_PATH = "/api/v1/device/start_scan_via_websocket"

SERVE_WITH_ENDLESS_SCAN = """
import runpy, sys, time, types
phantom = types.ModuleType("local.phantom")
phantom.simulate_acquisition = lambda path: time.sleep(60)
sys.modules["local.phantom"] = phantom
sys.argv = ["scanhub", "--port", "0"]
runpy.run_module("local.scanhub", run_name="__main__", alter_sys=True)
"""


def make_order(scanhub: Served) -> tuple[str, dict[str, Any]]:
    """Return the id of a started device task and the order for it."""
    device_id = scanhub.make_device()
    task_id = scanhub.make_workflow(device_id=device_id)["task_ids"][0]
    task = {**scanhub.get_task(task_id), "status": "STARTED"}
    scanhub.client.put(f"/api/v1/exam/task/{task_id}", json=task).raise_for_status()
    return task_id, scanhub.make_device_task(task_id, device_id)


def test_scan_uploads_data_and_finishes_task(scanhub: Served) -> None:
    task_id, order = make_order(scanhub)
    answer = scanhub.client.post(START_PATH, json=order, headers={"Authorization": ""})
    assert answer.status_code == 200
    scan = scanhub.wait_for_scan(task_id, "finished", "failed")
    assert scan == {
        "n_starts": 1,
        "n_refused": 0,
        "state": "finished",
        "error": None,
        "upload_id": UPLOAD_ID,
    }
    task = scanhub.get_task(task_id)
    assert (task["status"], task["progress"]) == ("FINISHED", 100)
    assert scanhub.workflow_manager.whole == RAW_DATA
    assert scanhub.workflow_manager.body["task_id"] == task_id


def test_scan_refuses_second_start_while_running(scanhub: Served) -> None:
    scanhub.release.clear()
    task_id, order = make_order(scanhub)
    statuses = [scanhub.client.post(START_PATH, json=order).status_code for _ in range(3)]
    scan = scanhub.client.get("/_control/scans").json()[task_id]
    assert statuses == [200, 409, 409]
    assert (scan["n_starts"], scan["n_refused"], scan["state"]) == (1, 2, "scanning")
    task = scanhub.get_task(task_id)
    assert (task["status"], task["progress"]) == ("STARTED", 0)
    scanhub.release.set()
    scanhub.wait_for_scan(task_id, "finished")


def test_scan_starts_again_after_its_end(scanhub: Served) -> None:
    task_id, order = make_order(scanhub)
    for _ in range(2):
        assert scanhub.client.post(START_PATH, json=order).status_code == 200
        scan = scanhub.wait_for_scan(task_id, "finished")
    assert scan["n_starts"] == 2


@pytest.mark.parametrize("kind", ["status", "garbage", "drop", "slow"])
def test_scan_starts_once_when_answer_is_unclear(scanhub: Served, kind: str) -> None:
    task_id, order = make_order(scanhub)
    fault = {"service": "scanner", "kind": kind, "after_processing": True, "delay_s": 0.05}
    scanhub.client.post("/_control/faults", json={**fault, "times": 1})
    try:
        scanhub.client.post(START_PATH, json=order)
    except httpx.RemoteProtocolError:
        assert kind == "drop"
    assert scanhub.wait_for_scan(task_id, "finished")["n_starts"] == 1


def test_scan_does_not_start_when_scanner_fails_first(scanhub: Served) -> None:
    task_id, order = make_order(scanhub)
    scanhub.client.post("/_control/faults", json={"service": "scanner", "kind": "status"})
    assert scanhub.client.post(START_PATH, json=order).status_code == 503
    assert task_id not in scanhub.client.get("/_control/scans").json()


def test_scan_fails_without_finishing_when_upload_is_refused(scanhub: Served) -> None:
    task_id, order = make_order(scanhub)
    scanhub.workflow_manager.api_fault = lambda n_requests: refuse(403, "Not yours.")
    scanhub.client.post(START_PATH, json=order)
    scan = scanhub.wait_for_scan(task_id, "failed")
    assert "Not yours." in scan["error"]
    task = scanhub.get_task(task_id)
    assert (task["status"], task["progress"]) == ("STARTED", 90)
    device = scanhub.client.get(f"/api/v1/device/{order['device_id']}").json()
    assert device["status"] == "error"


def test_scan_fails_half_way_when_switched(scanhub: Served) -> None:
    task_id, order = make_order(scanhub)
    fault = {"service": "scanner", "kind": "abort_scan", "times": 1}
    scanhub.client.post("/_control/faults", json=fault)
    assert scanhub.client.post(START_PATH, json=order).status_code == 200
    scanhub.wait_for_scan(task_id, "failed")
    assert scanhub.get_task(task_id)["progress"] == 50
    assert scanhub.workflow_manager.requests == []


def test_scan_uploads_other_data_when_switched(scanhub: Served) -> None:
    task_id, order = make_order(scanhub)
    fault = {"service": "scanner", "kind": "corrupt_data", "times": 1}
    scanhub.client.post("/_control/faults", json=fault)
    scanhub.client.post(START_PATH, json=order)
    scanhub.wait_for_scan(task_id, "finished")
    assert scanhub.workflow_manager.whole == b"This is not an ISMRMRD file.\n"


def test_scan_fails_while_api_is_unknown(scanhub: Served) -> None:
    task_id, order = make_order(scanhub)
    scanhub.client.put("/_control/scanner", json={"workflow_manager_url": ""})
    scanhub.client.post(START_PATH, json=order)
    scan = scanhub.wait_for_scan(task_id, "failed")
    scanhub.client.put("/_control/scanner", json={"workflow_manager_url": API_URL})
    assert "does not know" in scan["error"]


def test_websocket_start_answers_null_and_scans(scanhub: Served) -> None:
    task_id, order = make_order(scanhub)
    answer = scanhub.client.post(WEBSOCKET_PATH, json=order)
    assert (answer.status_code, answer.json()) == (200, None)
    assert scanhub.wait_for_scan(task_id, "finished")["n_starts"] == 1


def test_websocket_start_answers_503_when_device_is_offline(scanhub: Served) -> None:
    _, order = make_order(scanhub)
    device = {"id": order["device_id"], "status": "disconnected"}
    scanhub.client.post("/_control/devices", json=device)
    answer = scanhub.client.post(WEBSOCKET_PATH, json=order)
    assert (answer.status_code, answer.json()) == (503, {"detail": "Device offline."})


@pytest.mark.parametrize("path", [START_PATH, WEBSOCKET_PATH])
def test_start_answers_422_for_bad_order(scanhub: Served, path: str) -> None:
    _, order = make_order(scanhub)
    del order["parametrized_sequence"]
    answer = scanhub.client.post(path, json=order)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "parametrized_sequence"]


def test_process_ends_orderly_while_scanning(scanhub: Served) -> None:
    command = [sys.executable, "-c", SERVE_WITH_ENDLESS_SCAN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        order = scanhub.make_device_task(scanhub.seed["task_ids"][0], "simulated-scanner")
        answer = httpx.post(f"{url}{START_PATH}", json=order, timeout=5.0, trust_env=False)
        assert answer.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=4.0) == 0
