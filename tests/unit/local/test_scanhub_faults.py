"""The switches fail as told, and everything that was sent is on record."""

import time
from typing import Any

import httpx
import pytest

from tests.unit.local.conftest import Served

PATIENT_PATH = "/api/v1/patient"


def switch_on(scanhub: Served, **fault: Any) -> None:
    scanhub.client.post("/_control/faults", json=fault).raise_for_status()


def get_patient(scanhub: Served) -> httpx.Response:
    return scanhub.client.get(f"{PATIENT_PATH}/{scanhub.seed['patient_id']}")


def test_fault_answers_status_as_often_as_told(scanhub: Served) -> None:
    switch_on(scanhub, service="patient-manager", kind="status", status=503, times=1)
    assert [get_patient(scanhub).status_code for _ in range(2)] == [503, 200]
    assert scanhub.client.get("/_control/faults").json() == []


def test_fault_stays_until_cleared_without_times(scanhub: Served) -> None:
    switch_on(scanhub, service="patient-manager", kind="status", status=500)
    assert [get_patient(scanhub).status_code for _ in range(3)] == [500, 500, 500]
    scanhub.client.delete("/_control/faults")
    assert get_patient(scanhub).status_code == 200


def test_fault_spares_other_service_method_and_path(scanhub: Served) -> None:
    switch_on(scanhub, service="exam-manager", kind="drop")
    switch_on(scanhub, service="patient-manager", kind="drop", method="PUT")
    switch_on(scanhub, service="patient-manager", kind="drop", path_contains="/other")
    assert get_patient(scanhub).status_code == 200


def test_fault_answers_garbage(scanhub: Served) -> None:
    switch_on(scanhub, service="patient-manager", kind="garbage")
    answer = get_patient(scanhub)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()


def test_fault_answers_late(scanhub: Served) -> None:
    switch_on(scanhub, service="patient-manager", kind="slow", delay_s=0.1)
    started = time.monotonic()
    assert get_patient(scanhub).status_code == 200
    assert time.monotonic() - started >= 0.1


def test_fault_outlasts_client_timeout(scanhub: Served) -> None:
    switch_on(scanhub, service="patient-manager", kind="slow", delay_s=0.3)
    with pytest.raises(httpx.ReadTimeout):
        scanhub.client.get(f"{PATIENT_PATH}/{scanhub.seed['patient_id']}", timeout=0.05)


def test_fault_drops_connection(scanhub: Served) -> None:
    switch_on(scanhub, service="patient-manager", kind="drop", times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        get_patient(scanhub)
    assert get_patient(scanhub).status_code == 200


def test_fault_drops_connection_after_processing(scanhub: Served) -> None:
    task_id = scanhub.make_workflow()["task_ids"][0]
    task = {**scanhub.get_task(task_id), "comment": "written"}
    switch_on(scanhub, service="exam-manager", kind="drop", method="PUT", after_processing=True)
    with pytest.raises(httpx.RemoteProtocolError):
        scanhub.client.put(f"/api/v1/exam/task/{task_id}", json=task)
    assert scanhub.get_task(task_id)["comment"] == "written"


def test_fault_without_after_processing_keeps_call_from_service(scanhub: Served) -> None:
    task_id = scanhub.make_workflow()["task_ids"][0]
    task = {**scanhub.get_task(task_id), "comment": "written"}
    switch_on(scanhub, service="exam-manager", kind="status", method="PUT")
    assert scanhub.client.put(f"/api/v1/exam/task/{task_id}", json=task).status_code == 503
    assert scanhub.get_task(task_id)["comment"] is None


def test_fault_refuses_unknown_switch(scanhub: Served) -> None:
    fault = {"service": "patient-manager", "kind": "status", "stauts": 500}
    assert scanhub.client.post("/_control/faults", json=fault).status_code == 422


def test_recorder_keeps_requests_and_not_control_calls(scanhub: Served) -> None:
    switch_on(scanhub, service="exam-manager", kind="status")
    scanhub.client.post("/api/v1/exam/result?a=1", content=b'{"type": "DICOM"}')
    (record,) = scanhub.client.get("/_control/requests").json()
    assert (record["service"], record["method"]) == ("exam-manager", "POST")
    assert (record["path"], record["query"]) == ("/api/v1/exam/result", "a=1")
    assert record["headers"]["authorization"] == f"Bearer {scanhub.token}"
    assert record["body"] == '{"type": "DICOM"}'


def test_recorder_forgets_when_cleared(scanhub: Served) -> None:
    get_patient(scanhub)
    scanhub.client.delete("/_control/requests")
    assert scanhub.client.get("/_control/requests").json() == []
