"""A server that answers as ScanHub's workflow-manager did, and is built as that was.

    python -m benchmarks.requests_server CORES

FastAPI in one process. Its `async def` endpoints call other services by blocking calls, each on a
new connection, and check the caller's token at user-login-manager first, at every call. A scan
follows ScanHub's order of calls of 2025-03, a DAG that of 2026-02, for that of 2025-03 only
simulated it. We wrote it from what was seen on the wire. It prints
its port and serves until its input ends.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import uuid4

import requests
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer

from benchmarks.child import tell
from local.config import DAG_ID
from local.scanhub.models import (
    AcquisitionLimits,
    Commands,
    DeviceTask,
    ExamOut,
    ItemStatus,
    ParametrizedSequence,
    PatientOut,
    SequenceParameters,
    TaskOut,
    TaskType,
    User,
    WorkflowOut,
)
from local.scanhub.server import open_socket, serve

TIMEOUT_S = 3
PREFIX = "/api/v1/workflowmanager"

app = FastAPI()
_token_of_header = OAuth2PasswordBearer(tokenUrl="login")


async def get_token(token: Annotated[str, Depends(_token_of_header)]) -> str:
    """Return the caller's token once user-login-manager knows it."""
    address = urlsplit(os.environ["USER_LOGIN_MANAGER_URI"]).netloc
    connection = http.client.HTTPConnection(address)
    connection.request("GET", "/api/v1/userlogin/getcurrentuser", headers=_headers(token))
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        raise HTTPException(401, "Invalid token.", {"WWW-Authenticate": "Bearer"})
    User(**json.loads(answer.read()))
    connection.close()
    return token


Token = Annotated[str, Depends(get_token)]


@app.get(f"{PREFIX}/hello/")
async def hello(_: Token) -> dict[str, str]:
    """Greet a user."""
    return {"message": "Hello, World!"}


@app.post(PREFIX + "/trigger_task/{task_id}/")
async def trigger_task(task_id: str, token: Token) -> dict[str, Any]:
    """Start a task."""
    task = TaskOut(**_get("EXAM", f"exam/task/{task_id}", token))
    workflow = WorkflowOut(**_get("EXAM", f"exam/workflow/{task.workflow_id}", token))
    exam = ExamOut(**_get("EXAM", f"exam/{workflow.exam_id}", token))
    patient = PatientOut(**_get("PATIENT", f"patient/{exam.patient_id}", token))
    _put_status(task, ItemStatus.STARTED, token)
    if task.type is TaskType.RECONSTRUCTION_TASK:
        _start_dag(task, workflow, token)
    else:
        _start_scan(task, exam, patient, token)
    return {"status": "success", "data": "ok"}


def _get(service: str, path: str, token: str) -> Any:
    answer = requests.get(_url(service, path), headers=_headers(token), timeout=TIMEOUT_S)
    if answer.status_code != http.client.OK:
        raise HTTPException(answer.status_code, f"Failed to fetch {path}")
    return answer.json()


def _put_status(task: TaskOut, status: ItemStatus, token: str) -> None:
    task.status = status
    url, body = _url("EXAM", f"exam/task/{task.id}"), task.model_dump_json()
    requests.put(url, data=body, headers=_headers(token), timeout=TIMEOUT_S)


def _start_dag(task: TaskOut, workflow: WorkflowOut, token: str) -> None:
    source = TaskOut(**_get("EXAM", f"exam/task/{workflow.tasks[0].id}", token))
    _put_status(task, ItemStatus.INPROGRESS, token)
    conf = {
        "directory": f"/upload/{source.id}",
        "file_name": "raw.h5",
        "workflow_manager_endpoint": f"https://localhost{PREFIX}/result_ready/{task.id}",
        "user_token": token,
    }
    url = f"{os.environ['AIRFLOW_URL']}/api/v2/dags/{DAG_ID}/dagRuns"
    body: dict[str, Any] = {
        "conf": conf,
        "dag_run_id": f"{DAG_ID}_{uuid4()}",
        "note": "Triggered via API",
    }
    answer = requests.post(url, json=body, auth=("airflow", "airflow"), timeout=5)
    if answer.status_code != http.client.OK:
        raise HTTPException(answer.status_code, "Failed to trigger Airflow task.")


def _start_scan(task: TaskOut, exam: ExamOut, patient: PatientOut, token: str) -> None:
    sequence = _get("SEQUENCE", f"mri/sequences/{task.args['sequence_id']}", token)
    today, born = datetime.now(UTC).date(), patient.birth_date
    limits = AcquisitionLimits(
        patient_height=exam.patient_height_cm or 0,
        patient_weight=exam.patient_weight_kg or 0,
        Gender=patient.sex,
        patient_age=today.year - born.year - ((today.month, today.day) < (born.month, born.day)),
    )
    parametrized = ParametrizedSequence(
        acquisition_limits=limits,
        sequence_parameters=SequenceParameters(**json.loads(task.args["sequence_parameters"])),
        sequence=json.dumps(sequence),
    )
    device_task = DeviceTask(
        device_id=task.args["device_id"],
        record_id=task.id,
        command=Commands.START,
        parametrized_sequence=parametrized,
        user_access_token=token,
    )
    url, body = _url("DEVICE", "device/start_scan_via_websocket"), device_task.model_dump_json()
    answer = requests.post(url, data=body, headers=_headers(token), timeout=TIMEOUT_S)
    if answer.status_code != http.client.OK:
        raise HTTPException(500, "Error at starting device task.")


def _url(service: str, path: str) -> str:
    return f"{os.environ[service + '_MANAGER_URI']}/api/v1/{path}"


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def main(cores: str) -> None:
    """Serve on these cores, such as ``0,1``, until the input ends."""
    os.sched_setaffinity(0, map(int, cores.split(",")))
    with serve(app, open_socket(0)) as address:
        tell(address)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
