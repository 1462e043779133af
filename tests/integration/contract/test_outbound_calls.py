"""What ScanHub's services, devices and Airflow are sent: order, method, path, headers and JSON."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.contract.runner import forget_logins, reset
from tests.integration.contract.task_cells import (
    DAG_TASK,
    FREE_TASK,
    SDK_TASK,
    SIMULATED_TASK,
    SIMULATOR_TASK,
)
from tests.integration.deployment import BUCKET, DAG_ID, Deployment
from tests.integration.patient import BIRTH_DATE, HEIGHT_CM, PATIENT, WEIGHT_KG
from workflow_manager.domain.trace import parse_traceparent
from workflow_manager.services import simulate_reconstruction
from workflow_manager.steps.patients.calculate_age import calculate_age
from workflow_manager.steps.runs import start_dag_run

SEQUENCE_PATH = "/api/v1/mri/sequences/64f0c0ffee00000000000001"
START_PATH = "/api/v1/device/start_scan_via_websocket"
LOGIN = "POST /api/v1/userlogin/login"
CONF_KEYS = (
    "directory file_name workflow_manager_endpoint user_token "
    "conf_version bucket key version_id dag_run_id task_id inputs parameters "
    "orientation_convention coil_combination output_prefix "
    "study_instance_uid study_date study_time patient_pseudonym series_number traceparent"
).split()


@pytest.fixture
def sent(deployment: Deployment) -> "Sent":
    reset(deployment)
    forget_logins()
    return Sent(deployment)


class Sent:
    """What the stand-in recorded."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    def trigger(self, *tasks: Any) -> None:
        self.deployment.add_workflow(*tasks)
        self.deployment.scanhub.delete("/_control/requests").raise_for_status()
        path = f"/trigger_task/{self.deployment.task_ids[0]}/"
        assert self.deployment.call("trigger_task", "POST", path)["statusCode"] == 200

    @property
    def requests(self) -> list[dict[str, Any]]:
        return list(self.deployment.scanhub.get("/_control/requests").json())

    @property
    def lines(self) -> list[str]:
        return [f"{request['method']} {request['path']}" for request in self.requests]

    @property
    def lines_in_row(self) -> list[str]:
        """All calls but that of the sequence, which is asked for beside others, once."""
        sequence = f"GET {SEQUENCE_PATH}"
        assert self.lines.count(sequence) == 1
        return [line for line in self.lines if line != sequence]

    def bodies(self, method: str, path: str = "") -> list[Any]:
        """Return the JSON of the calls of a method, each said to be JSON."""
        chosen = [r for r in self.requests if r["method"] == method and path in r["path"]]
        assert {r["headers"]["content-type"] for r in chosen} <= {"application/json"}
        return [json.loads(request["body"]) for request in chosen]

    def tokens(self) -> set[str | None]:
        """Return the tokens of all calls, the login apart."""
        calls = [r for r in self.requests if not r["path"].endswith("/login")]
        return {request["headers"].get("authorization") for request in calls}

    @property
    def task_path(self) -> str:
        return f"/api/v1/exam/task/{self.deployment.task_ids[0]}"

    def chain(self) -> list[str]:
        """Return the calls that come before anything is claimed, in ScanHub's order."""
        return [
            f"GET {self.task_path}",
            f"GET /api/v1/exam/workflow/{self.deployment.workflow_id}",
            f"GET /api/v1/exam/{self.deployment.exam_id}",
            f"GET /api/v1/patient/{PATIENT.id}",
        ]

    def report(self) -> list[str]:
        return [f"GET {self.task_path}", f"PUT {self.task_path}"]


def expect_device_task(deployment: Deployment) -> dict[str, Any]:
    sequence = deployment.scanhub.get(SEQUENCE_PATH).text
    return {
        "device_id": deployment.device_id,
        "record_id": deployment.task_ids[0],
        "command": "START",
        "parametrized_sequence": {
            "acquisition_limits": {
                "patient_height": HEIGHT_CM,
                "patient_weight": WEIGHT_KG,
                "Gender": "FEMALE",
                "patient_age": calculate_age(BIRTH_DATE, datetime.now(UTC).date()),
            },
            "sequence_parameters": {
                "fov": {"X": 250.0, "Y": 250.0, "Z": 5.0},
                "fov_offset": {"X": 0.0, "Y": 0.0, "Z": 0.0},
            },
            "sequence": sequence,
        },
        "user_access_token": deployment.token,
    }


def test_trigger_task_sends_what_scanhub_sent_for_an_sdk_device(sent: Sent) -> None:
    sent.trigger(SDK_TASK)

    start = f"POST {START_PATH}"
    assert sent.lines_in_row == [*sent.chain(), *sent.report(), start]
    assert sent.tokens() == {f"Bearer {sent.deployment.token}"}
    assert sent.bodies("POST", START_PATH) == [expect_device_task(sent.deployment)]


def test_trigger_task_sends_the_device_its_task_but_no_header_with_the_token(sent: Sent) -> None:
    sent.trigger(SIMULATOR_TASK)

    address = f"GET /api/v1/device/{sent.deployment.device_id}/ip_address"
    start = "POST /api/start-scan"
    assert sent.lines_in_row == [*sent.chain(), *sent.report(), address, start]
    assert "authorization" not in sent.requests[-1]["headers"]
    assert sent.bodies("POST", "/api/start-scan") == [expect_device_task(sent.deployment)]


def test_trigger_task_changes_status_progress_and_comment_of_the_task_alone(sent: Sent) -> None:
    sent.trigger(SDK_TASK)

    [put] = sent.bodies("PUT")
    defined = sent.deployment.scanhub.get(sent.task_path).json()
    changeable = {"status", "progress", "comment", "datetime_updated"}
    assert put["status"] == "STARTED" and put["progress"] == 0
    assert put["comment"] == defined["comment"]
    assert put.keys() == defined.keys()
    assert {k: put[k] for k in put.keys() - changeable} == {
        k: defined[k] for k in put.keys() - changeable
    }


def test_trigger_task_tells_exam_manager_and_airflow_of_a_reconstruction(sent: Sent) -> None:
    sent.trigger(FREE_TASK)
    assert sent.lines == sent.chain()
    assert sent.tokens() == {f"Bearer {sent.deployment.token}"}

    sent.deployment.drain_queue()

    assert sent.lines == [*sent.chain(), LOGIN, *sent.report()]
    [put] = sent.bodies("PUT")
    assert (put["status"], put["progress"]) == ("STARTED", 0)
    [(dag_id, dag_run_id)] = sent.deployment.airflow.runs
    body = sent.deployment.airflow.runs[dag_id, dag_run_id]
    conf = body["conf"]
    exam = sent.deployment.scanhub.get(f"/api/v1/exam/{sent.deployment.exam_id}").json()
    made_at = datetime.fromisoformat(exam["datetime_created"])
    assert dag_id == DAG_ID
    assert body.keys() == {"dag_run_id", "logical_date", "conf"} and body["logical_date"] is None
    assert list(conf) == CONF_KEYS
    assert conf == {
        "directory": "/",
        "file_name": "",
        "workflow_manager_endpoint": "http://api.test/api/v1/workflowmanager/results_ready/",
        "user_token": conf["user_token"],
        "conf_version": 1,
        "bucket": BUCKET,
        "key": None,
        "version_id": None,
        "dag_run_id": dag_run_id,
        "task_id": sent.deployment.task_ids[0],
        "inputs": [],
        "parameters": {},
        "orientation_convention": None,
        "coil_combination": None,
        "output_prefix": f"result/{dag_run_id}",
        "study_instance_uid": conf["study_instance_uid"],
        "study_date": f"{made_at:%Y%m%d}",
        "study_time": f"{made_at:%H%M%S}",
        "patient_pseudonym": conf["patient_pseudonym"],
        "series_number": conf["series_number"],
        "traceparent": conf["traceparent"],
    }
    assert conf["user_token"].startswith(f"{dag_run_id}.")
    assert parse_traceparent(conf["traceparent"])
    assert sent.deployment.token not in json.dumps(body)


def test_process_workflow_asks_for_the_workflow_with_the_callers_token(sent: Sent) -> None:
    sent.deployment.add_workflow(SDK_TASK, DAG_TASK)
    sent.deployment.scanhub.delete("/_control/requests")

    sent.deployment.call("process_workflow", "POST", f"/process/{sent.deployment.workflow_id}/")

    workflow, *patient = sent.chain()[1:]
    device = f"GET /api/v1/device/{sent.deployment.device_id}"
    start = [*sent.report(), f"POST {START_PATH}"]
    assert (sent.lines[0], sent.lines[-3:]) == (workflow, start)
    # What is checked is asked side by side, and once.
    checks = [*patient, device, f"GET {SEQUENCE_PATH}"]
    assert sorted(sent.lines[1:-3]) == sorted(checks)
    assert sent.tokens() == {f"Bearer {sent.deployment.token}"}


def test_simulate_reconstruction_reports_as_scanhub_did_with_the_service_account(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a simulation whose steps follow at once: moto would hold delayed messages back
    monkeypatch.setattr(simulate_reconstruction, "SIMULATION_STEP_S", 0)
    monkeypatch.setattr(start_dag_run, "SIMULATION_STEP_S", 0)
    sent.trigger(SIMULATED_TASK)
    sent.deployment.drain_queue()
    sent.deployment.scanhub.delete("/_control/requests")

    # When
    sent.deployment.drain_queue("simulate_reconstruction")

    # Then
    puts = [(put["status"], put["progress"]) for put in sent.bodies("PUT")]
    working = [("STARTED", progress) for progress in (25, 50, 75)]
    result = {"type": "DICOM", "status": "NEW", "directory": "", "filename": "T1", "progress": 0.0}
    assert puts == [*working, ("FINISHED", 100)]
    assert sent.bodies("POST", "/exam/result") == [
        {"task_id": sent.deployment.task_ids[0], **result}
    ]
    end = [f"GET {sent.task_path}", "POST /api/v1/exam/result", *sent.report()]
    # The token of the account: asked for once, before, and never the caller's.
    assert sent.lines == [*sent.report() * 3, *end]
    assert len(sent.tokens()) == 1
    assert f"Bearer {sent.deployment.token}" not in sent.tokens()


def test_receive_results_reports_with_the_service_account(sent: Sent) -> None:
    sent.trigger(FREE_TASK)
    sent.deployment.drain_queue()
    [run] = sent.deployment.airflow.runs.values()
    conf = run["conf"]
    sent.deployment.scanhub.delete("/_control/requests")
    key = f"{conf['output_prefix']}/image.dcm"
    body = {"success": True, "results": [{"type": "DICOM", "key": key}]}

    assert sent.deployment.call_back(conf, body) == 200
    sent.deployment.drain_queue("follow_changes")

    assert sent.bodies("POST", "/exam/result") == [
        {
            "task_id": sent.deployment.task_ids[0],
            "type": "DICOM",
            "status": "NEW",
            "directory": f"s3://{BUCKET}/{conf['output_prefix']}",
            "filename": "image.dcm",
            "progress": 0.0,
        }
    ]
    assert f"Bearer {sent.deployment.token}" not in sent.tokens()
