"""Checks after a demo, each in the service that holds the truth."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pydicom
from PIL import Image

from local.state import Stack
from scanhub_workflow.models import WorkflowView

TIMEOUT_S = 10.0


class DemoError(Exception):
    """The demo did not show what it should."""


def check_images(folder: Path) -> None:
    """Check that there are an image and a preview, each of the format that its name says."""
    paths = [path for path in folder.glob("[!.]*") if path.is_file()]
    if {path.suffix for path in paths} != {".dcm", ".png"}:
        raise DemoError("The run did not leave a DICOM image and a preview.")
    for path in paths:
        if path.suffix == ".dcm":
            pixels = pydicom.dcmread(path).pixel_array
            if pixels.min() == pixels.max():
                raise DemoError(f"{path} shows nothing.")
        else:
            Image.open(path).verify()


def read_quality(folder: Path) -> dict[str, float]:
    """Return the measures of the image, all of which the phantom has."""
    series = json.loads((folder / "image_quality.json").read_text(encoding="utf-8"))["series"]
    for name, measure in series.items():
        if measure["median"] is None:
            raise DemoError(f"The image has no {name}: {measure['reason']}")
    return {name: float(measure["median"]) for name, measure in series.items()}


def check_once_in_airflow(stack: Stack, dag_id: str, dag_run_id: str) -> None:
    """Check that Airflow ran the DAG successfully, and only once for this cause."""
    with httpx.Client(base_url=stack.airflow_url, timeout=TIMEOUT_S) as airflow:
        login = {"username": stack.airflow_username, "password": stack.airflow_password}
        token = airflow.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        url = f"/api/v2/dags/{dag_id}/dagRuns"
        answer = airflow.get(
            url,
            params={"limit": 100, "order_by": "-run_after"},
            headers={"Authorization": f"Bearer {token}"},
        ).raise_for_status()
    conf_ids = [r["conf"].get("dag_run_id") for r in answer.json()["dag_runs"]]
    if conf_ids.count(dag_run_id) != 1:
        raise DemoError(f"Airflow knows {conf_ids.count(dag_run_id)} runs, not one.")


def check_exam_manager(stack: Stack, token: str, workflow_id: str) -> None:
    """Check that exam-manager shows every task as finished, the last one with a result."""
    url = f"{stack.scanhub_url}/api/v1/exam/workflow/{workflow_id}"
    headers = {"Authorization": f"Bearer {token}"}
    tasks = httpx.get(url, headers=headers, timeout=TIMEOUT_S).raise_for_status().json()["tasks"]
    if {task["status"] for task in tasks} != {"FINISHED"}:
        raise DemoError("Exam-manager does not show every task as FINISHED.")
    if not any(task["results"] for task in tasks):
        raise DemoError("Exam-manager shows no result.")


def check_audit_trail(workflow: WorkflowView) -> None:
    """Check that every step is in the audit trail, once."""
    moves = [(event.entity.split(":")[0], event.name) for event in workflow.events]
    n_tasks = len(workflow.tasks)
    n_runs = sum(1 for task in workflow.tasks if task.dag_run_id)
    expected = {
        ("task", "claim"): n_tasks,
        ("task", "complete"): n_tasks,
        ("dag_run", "create"): n_runs,
        ("dag_run", "succeed"): n_runs,
    }
    for move, n_times in expected.items():
        if moves.count(move) != n_times:
            raise DemoError(f"The audit trail holds {move} {moves.count(move)}, not {n_times}.")
