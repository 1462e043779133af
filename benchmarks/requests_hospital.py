"""The exams of a hospital without end: workflow number n is there as soon as it is asked for.

Each has a scan and a reconstruction of it, and a device of its own. Of odd numbers the scan is
still to come; of even numbers it has ended, and its data lies in the data lake.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.exam import TaskType
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.workflow import Workflow

DAG_ID = "cartesian_reconstruction"
BUCKET = "data-lake"
SEQUENCE_ID = "655f3b2a9d1e4c7b8a6f5e4d"
CREATED_AT = datetime(2026, 11, 23, 20, tzinfo=UTC)

WORKFLOW, SCAN, RECONSTRUCTION, EXAM, PATIENT = range(1, 6)
_VECTOR = {"X": 1.0, "Y": 1.0, "Z": 1.0}
_PARAMETERS = json.dumps({"fov": _VECTOR, "fov_offset": _VECTOR})
_CREATED = "2026-11-23T20:00:00.491907"

Document = dict[str, Any]


def make_id(number: int, kind: int) -> str:
    """Return the id of something of a workflow.

    Parameters
    ----------
    number
        The workflow's.
    kind
        `WORKFLOW`, `SCAN`, `RECONSTRUCTION`, `EXAM` or `PATIENT`.
    """
    return f"{number:08x}-0000-4000-8000-{kind:012x}"


def read_id(text: str) -> tuple[int, int]:
    """Return number and kind of an id."""
    return int(text[:8], 16), int(text[-12:], 16)


def has_scanned(number: int) -> bool:
    """Tell whether the scan of a workflow has ended."""
    return number % 2 == 0


def make_task(number: int, kind: int) -> Document:
    """Return a task as exam-manager sends it."""
    is_scan = kind == SCAN
    scanned = {"device_id": f"device-{number}", "sequence_id": SEQUENCE_ID}
    result = {"id": make_id(number, WORKFLOW), "type": "MRD", "directory": "/r", "filename": "raw"}
    return {
        "id": make_id(number, kind),
        "workflow_id": make_id(number, WORKFLOW),
        "creator": "operator",
        "name": "Task",
        "description": "One task of a workflow",
        "comment": None,
        "type": "DEVICE_TASK_SDK" if is_scan else "RECONSTRUCTION_TASK",
        "args": scanned | {"sequence_parameters": _PARAMETERS} if is_scan else {},
        "artifacts": {},
        "destinations": {} if is_scan else {"dag_id": DAG_ID},
        "status": "FINISHED" if is_scan and has_scanned(number) else "NEW",
        "progress": 100 if is_scan and has_scanned(number) else 0,
        "is_template": False,
        "datetime_created": _CREATED.replace("20:00", f"20:0{kind}"),
        "datetime_updated": None,
        "results": [result] if is_scan and has_scanned(number) else [],
    }


def make_workflow(number: int) -> Document:
    """Return a workflow as exam-manager sends it, its tasks embedded."""
    return {
        "id": make_id(number, WORKFLOW),
        "exam_id": make_id(number, EXAM),
        "creator": "operator",
        "name": "Workflow",
        "description": "A scan and its reconstruction",
        "comment": None,
        "status": "NEW",
        "is_template": False,
        "datetime_created": _CREATED,
        "datetime_updated": None,
        "tasks": [make_task(number, SCAN), make_task(number, RECONSTRUCTION)],
    }


def make_exam(number: int) -> Document:
    """Return an exam as exam-manager sends it, its workflow embedded."""
    return {
        "id": make_id(number, EXAM),
        "patient_id": make_id(number, PATIENT),
        "creator": "operator",
        "name": "Exam",
        "description": "Head",
        "patient_height_cm": 172,
        "patient_weight_kg": 68,
        "status": "NEW",
        "is_template": False,
        "datetime_created": _CREATED,
        "datetime_updated": None,
        "workflows": [make_workflow(number)],
    }


def make_patient(number: int) -> Document:
    """Return a patient as patient-manager sends one."""
    return {
        "id": make_id(number, PATIENT),
        "first_name": "A",
        "last_name": "B",
        "birth_date": "1985-11-24",
        "sex": "FEMALE",
        "issuer": "C",
        "status": "NEW",
        "datetime_created": _CREATED,
        "datetime_updated": None,
    }


SEQUENCE: Document = {
    "_id": SEQUENCE_ID,
    "name": "Spin echo",
    "description": "A sequence",
    "sequence_type": "SE",
    "created_at": _CREATED,
    "updated_at": None,
    "tags": ["head"],
    "file": "[VERSION]\nmajor 1\nminor 4\n" + "1 2 3 4 5 6 7 8\n" * 250,
    "file_extension": ".seq",
}


def make_scanned(number: int) -> list[Workflow | Task]:
    """Return our own state of a workflow whose scan has ended and whose data has come."""
    workflow_id, scan_id = make_id(number, WORKFLOW), make_id(number, SCAN)
    key = f"acquisition/{workflow_id}/{scan_id}/upload-1/raw.h5"
    times = {"created_at": CREATED_AT, "updated_at": CREATED_AT}
    scan = Task(
        workflow_id=workflow_id,
        task_id=scan_id,
        task_type=TaskType.DEVICE_TASK_SDK,
        args=make_task(number, SCAN)["args"],
        status=TaskStatus.COMPLETED,
        progress=100,
        attempt=1,
        data=ObjectVersion(bucket=BUCKET, key=key, version_id="v1", size_bytes=1000),
        defined_at="2026-11-23T20:02:00.491907",
        updated_at=CREATED_AT,
    )
    reconstruction = Task(
        workflow_id=workflow_id,
        task_id=make_id(number, RECONSTRUCTION),
        task_type=TaskType.RECONSTRUCTION_TASK,
        destinations={"dag_id": DAG_ID},
        input_task_ids=(scan_id,),
        defined_at="2026-11-23T20:03:00.491907",
        updated_at=CREATED_AT,
    )
    exam_id = make_id(number, EXAM)
    workflow = Workflow.model_validate({"workflow_id": workflow_id, "exam_id": exam_id, **times})
    return [workflow, scan, reconstruction]
