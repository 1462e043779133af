"""The operator's command against the deployed stack: nothing of the patient is left."""

import json
import os
import subprocess
import sys
from typing import Any

from local.config import DAG_ID, ROOT, aws_environ, clean_environ
from tests.e2e.laptop import Laptop

TIMEOUT_S = 60


def make_patient(laptop: Laptop) -> str:
    """Return the id of somebody of their own."""
    person = {"first_name": "Erika", "last_name": "Muster", "birth_date": "1985-07-14"}
    body = {**person, "sex": "OTHER", "issuer": "", "status": "NEW"}
    answer = laptop.scanhub.post("/api/v1/patient/", json=body)
    return str(answer.raise_for_status().json()["id"])


def make_patients_workflow(laptop: Laptop, patient_id: str) -> tuple[str, str]:
    """Return the ids of the patient's workflow, and of its device task."""

    def create(what: str, **content: Any) -> str:
        body = {"name": what, "description": "", "status": "NEW", "is_template": False, **content}
        answer = laptop.scanhub.post(f"/api/v1/exam/{what}", json=body)
        return str(answer.raise_for_status().json()["id"])

    exam_id = create("new", patient_id=patient_id)
    workflow_id = create("workflow/new", exam_id=exam_id)
    common: dict[str, Any] = {"workflow_id": workflow_id, "artifacts": {}, "progress": 0}
    scan_id = create("task/new", type="DEVICE_TASK_SDK", args={}, destinations={}, **common)
    destinations, args = {"dag_id": DAG_ID}, {"contrast": "pd"}
    create("task/new", type="RECONSTRUCTION_TASK", args=args, destinations=destinations, **common)
    return workflow_id, scan_id


def send_raw_data(laptop: Laptop, task_id: str, body: bytes) -> str:
    """Upload the data of a scan that was started at the console; return the upload's id."""
    request = {"task_id": task_id, "file_name": "raw.npy", "size_bytes": len(body)}
    plan = laptop.api.post("/uploads/", json=request).raise_for_status().json()
    [part] = plan["parts"]
    etag = laptop.plain.put(part["url"], content=body).raise_for_status().headers["ETag"]
    parts = [{"part_number": part["part_number"], "etag": etag}]
    url = f"/uploads/{plan['upload_id']}/complete/"
    laptop.api.post(url, json={"parts": parts}).raise_for_status()
    return str(plan["upload_id"])


def call_erase(laptop: Laptop, patient_id: str, *options: str) -> subprocess.CompletedProcess[str]:
    environ = clean_environ(
        **aws_environ(laptop.config),
        PYTHONPATH=os.fspath(ROOT / "layers/workflow_manager"),
        SCANHUB_WORKFLOW_TOKEN=laptop.stack.token,
    )
    command = [sys.executable, "-m", "tools.erase_patient", "--patient", patient_id, *options]
    return subprocess.run(  # noqa: S603 - our own command
        command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S
    )


def find_traces(laptop: Laptop, *ids: str) -> list[str]:
    """Return every item and object version in which one of these ids occurs."""
    items = [json.dumps(item) for item in laptop.scan_table()]
    keys = [version["Key"] for version in laptop.list_objects()]
    return [text for text in items + keys if any(each in text for each in ids)]


def test_erase_patient_leaves_no_trace_in_table_and_bucket(
    laptop: Laptop, small_kspace: bytes
) -> None:
    # Given a patient of whom a scan was reconstructed
    patient_id = make_patient(laptop)
    workflow_id, scan_id = make_patients_workflow(laptop, patient_id)
    upload_id = send_raw_data(laptop, scan_id, small_kspace)
    workflow = laptop.wait_for_workflow(workflow_id, "completed")
    [run_id] = [task["dag_run_id"] for task in workflow["tasks"] if task["dag_run_id"]]
    ids = (workflow_id, scan_id, upload_id, run_id)
    laptop.wait_for_empty_queue()
    n_traces = len(find_traces(laptop, *ids))
    assert n_traces > 5
    # When the command shows it, then nothing changes
    shown = call_erase(laptop, patient_id)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert all(each in shown.stdout for each in (workflow_id, upload_id, run_id))
    assert len(find_traces(laptop, *ids)) == n_traces
    # When it deletes it, then no item and no version of an object is left
    deleted = call_erase(laptop, patient_id, "--delete")
    assert (deleted.returncode, deleted.stderr) == (0, "")
    assert "Nothing is left." in deleted.stdout
    assert find_traces(laptop, *ids) == []
