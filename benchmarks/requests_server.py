"""A server that answers as ScanHub's workflow-manager did, built the way it was.

    python -m benchmarks.requests_server CORE

FastAPI in one process; `async def` endpoints that call others by blocking calls, a connection for
each; the caller's token checked at user-login-manager first, at every call. A scan follows
ScanHub's order of 2025-03, a DAG that of 2025-07, when it had one. Written from what was seen on
the wire. It prints its port and serves.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from datetime import UTC, date, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import uuid4

import requests
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, ConfigDict

from benchmarks.process_usage import cpu_s
from local.scanhub.server import open_socket

TIMEOUT_S = 3
AIRFLOW_TIMEOUT_S = 5
KEEP_ALIVE_S = 3600
PREFIX = "/api/v1/workflowmanager"

app = FastAPI()
_token_of_header = OAuth2PasswordBearer(tokenUrl="login")


class Record(BaseModel):
    """What a neighbour sends; all of it is kept, for it goes back whole."""

    model_config = ConfigDict(extra="allow")


class User(Record):
    """Who calls."""

    username: str
    role: str
    access_token: str


class Task(Record):
    """A task."""

    id: str
    workflow_id: str
    name: str
    type: str
    args: dict[str, str]
    destinations: dict[str, str]
    status: str
    progress: int
    is_template: bool
    datetime_created: datetime
    results: list[dict[str, Any]]


class Workflow(Record):
    """A workflow with its tasks."""

    id: str
    exam_id: str
    name: str
    tasks: list[Task]


class Exam(Record):
    """An exam with its workflows."""

    id: str
    patient_id: str
    patient_height_cm: int
    patient_weight_kg: int
    workflows: list[Workflow]


class Patient(Record):
    """A patient."""

    id: str
    birth_date: date
    sex: str


async def get_token(token: Annotated[str, Depends(_token_of_header)]) -> str:
    """Return the caller's token once user-login-manager knows it."""
    address = urlsplit(os.environ["USER_LOGIN_MANAGER_URI"]).netloc
    connection = http.client.HTTPConnection(address)
    headers = {"Authorization": f"Bearer {token}"}
    connection.request("GET", "/api/v1/userlogin/getcurrentuser", headers=headers)
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
    task = Task(**_get("EXAM", f"exam/task/{task_id}", token))
    workflow = Workflow(**_get("EXAM", f"exam/workflow/{task.workflow_id}", token))
    exam = Exam(**_get("EXAM", f"exam/{workflow.exam_id}", token))
    patient = Patient(**_get("PATIENT", f"patient/{exam.patient_id}", token))
    _put_status(task, "STARTED", token)
    if task.type == "DEVICE_TASK_SDK":
        _start_scan(task, exam, patient, token)
        return {"status": "success", "data": "ok"}
    # What a reconstruction takes is of the workflow's first task.
    source = Task(**_get("EXAM", f"exam/task/{workflow.tasks[0].id}", token))
    _put_status(task, "INPROGRESS", token)
    _start_dag(task, source, token)
    return {
        "message": "DAG triggered successfully",
        "data": {"message": "Airflow task triggered successfully"},
    }


@app.get("/usage")
async def usage() -> float:
    """Tell the processor time taken so far [s]."""
    return cpu_s()


def _get(service: str, path: str, token: str) -> Any:
    answer = requests.get(_url(service, path), headers=_headers(token), timeout=TIMEOUT_S)
    if answer.status_code != http.client.OK:
        raise HTTPException(answer.status_code, f"Failed to fetch {path}")
    return answer.json()


def _put_status(task: Task, status: str, token: str) -> None:
    task.status = status
    requests.put(
        _url("EXAM", f"exam/task/{task.id}"),
        data=task.model_dump_json(),
        headers=_headers(token),
        timeout=TIMEOUT_S,
    )


def _start_scan(task: Task, exam: Exam, patient: Patient, token: str) -> None:
    sequence = _get("SEQUENCE", f"mri/sequences/{task.args['sequence_id']}", token)
    today, born = datetime.now(UTC).date(), patient.birth_date
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    device_task: dict[str, Any] = {
        "device_id": task.args["device_id"],
        "record_id": task.id,
        "command": "START",
        "parametrized_sequence": {
            "acquisition_limits": {
                "patient_height": exam.patient_height_cm,
                "patient_weight": exam.patient_weight_kg,
                "Gender": patient.sex,
                "patient_age": age,
            },
            "sequence_parameters": json.loads(task.args["sequence_parameters"]),
            "sequence": json.dumps(sequence),
        },
        "user_access_token": token,
    }
    url = _url("DEVICE", "device/start_scan_via_websocket")
    answer = requests.post(url, json=device_task, headers=_headers(token), timeout=TIMEOUT_S)
    if answer.status_code != http.client.OK:
        raise HTTPException(500, "Error at starting device task.")


def _start_dag(task: Task, source: Task, token: str) -> None:
    dag_id, newest = task.destinations["dag_id"], source.results[-1]
    now = f"{datetime.now(UTC).replace(tzinfo=None).isoformat()}Z"
    times = dict.fromkeys(("data_interval_end", "data_interval_start", "logical_date"), now)
    conf = {
        "directory": newest["directory"],
        "file_name": newest["filename"],
        "workflow_manager_endpoint": f"https://localhost:8443{PREFIX}/result_ready/{task.id}",
        "user_token": token,
    }
    body: dict[str, Any] = {
        "conf": conf,
        "dag_run_id": f"{dag_id}_{uuid4()}",
        "note": "Triggered via API",
    }
    answer = requests.post(
        f"{os.environ['AIRFLOW_URL']}/api/v1/dags/{dag_id}/dagRuns",
        json=body | times,
        auth=("airflow", "airflow"),
        timeout=AIRFLOW_TIMEOUT_S,
    )
    if answer.status_code != http.client.OK:
        raise HTTPException(500, f"Failed to trigger Airflow task: {answer.text}")


def _url(service: str, path: str) -> str:
    return f"{os.environ[service + '_MANAGER_URI']}/api/v1/{path}"


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def main() -> None:
    """Serve on the core that the command line names."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    listener = open_socket(0)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        ws="none",
        # Its connections wait while the other side has its turn.
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
