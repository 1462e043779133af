"""Records as the services of 2026-02 send them, with all of their fields."""

from typing import Any

WORKFLOW_ID = "4324e48f-72fd-4129-9aaf-4ff6746e397d"
SCAN_ID = "11111111-1111-4111-8111-111111111111"
DAG_TASK_ID = "22222222-2222-4222-8222-222222222222"
RESULT_ID = "33333333-3333-4333-8333-333333333333"
DEVICE_ID = "44444444-4444-4444-8444-444444444444"
SEQUENCE_ID = "65a1b2c3d4e5f60718293a4b"
MADE_AT = "2026-02-01T10:00:00.123456"
ONE = {"x": 1.0, "y": 1.0, "z": 1.0}
PARAMETER = {"fov_scaling": ONE, "fov_offset": ONE, "fov_rotation": ONE}

_TASK = {
    "workflow_id": WORKFLOW_ID,
    "name": "Jane Doe's scan",
    "description": "",
    "destination": "",
    "status": "NEW",
    "progress": 0,
    "is_template": False,
    "position": 3,
    "creator": "operator",
    "datetime_created": MADE_AT,
    "datetime_updated": None,
    "results": [],
}


def make_scan(**changes: Any) -> dict[str, Any]:
    scan = {
        "id": SCAN_ID,
        "task_type": "ACQUISITION",
        "device_id": DEVICE_ID,
        "calibration": ["shims"],
        "sequence_id": SEQUENCE_ID,
        "acquisition_parameter": PARAMETER,
        "acquisition_limits": None,
    }
    return {**_TASK, **scan, **changes}


def make_dag_task(**changes: Any) -> dict[str, Any]:
    task = {
        "id": DAG_TASK_ID,
        "task_type": "DAG",
        "dag_type": "PROCESSING",
        "dag_id": "airflow::dags::cartesian_reconstruction",
        "input_task_ids": [SCAN_ID],
        "parameter": None,
        "position": 4,
    }
    return {**_TASK, **task, **changes}


def make_result(**changes: Any) -> dict[str, Any]:
    result = {
        "id": RESULT_ID,
        "task_id": DAG_TASK_ID,
        "datetime_created": MADE_AT,
        "type": "NOT_SET",
        "directory": "",
        "files": [],
        "meta": None,
    }
    return result | changes


def make_workflow(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": WORKFLOW_ID,
        "exam_id": "55555555-5555-4555-8555-555555555555",
        "name": "",
        "description": "",
        "comment": None,
        "status": "NEW",
        "is_template": False,
        "creator": "operator",
        "datetime_created": MADE_AT,
        "datetime_updated": None,
        "tasks": list(tasks),
    }
