"""What must be true after a demo, each read from the service that holds it."""

from __future__ import annotations

from pathlib import Path

import boto3
import httpx
import pydicom
from botocore.config import Config
from PIL import Image

from local.demo_api import DemoError, Json
from local.state import Stack

TIMEOUT_S = 10.0


def download_results(stack: Stack, run: Json, folder: Path) -> list[Path]:
    """Download a run's images and their previews.

    Parameters
    ----------
    stack
        The running stack.
    run
        The run, as the API shows it.
    folder
        Where to.

    Returns
    -------
    list[Path]
        The files, images before previews.
    """
    s3 = boto3.client(
        "s3",
        endpoint_url=stack.aws_endpoint_url,
        region_name=stack.region,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - the laptop's AWS takes any
        config=Config(connect_timeout=5, read_timeout=30, s3={"addressing_style": "path"}),
    )
    keys = [result[name] for name in ("key", "preview_key") for result in run["results"]]
    paths = [folder / Path(key).name for key in keys if key]
    for key, path in zip((key for key in keys if key), paths, strict=True):
        s3.download_file(stack.bucket, key, str(path))
    return paths


def check_images(paths: list[Path]) -> None:
    """Check that each file is what its name says.

    Raises
    ------
    DemoError
        A file is missing, empty or something else.
    """
    if {path.suffix for path in paths} != {".dcm", ".png"}:
        raise DemoError("The run did not leave a DICOM image and a preview.")
    for path in paths:
        if path.suffix == ".dcm":
            pixels = pydicom.dcmread(path).pixel_array
            if pixels.min() == pixels.max():
                raise DemoError(f"{path} shows nothing.")
        else:
            Image.open(path).verify()


def check_once_in_airflow(stack: Stack, run: Json) -> None:
    """Check that Airflow ran the DAG successfully and knows one run of this cause.

    Raises
    ------
    DemoError
        It did not, or more than once.
    """
    with httpx.Client(base_url=stack.airflow_url, timeout=TIMEOUT_S) as airflow:
        login = {"username": stack.airflow_username, "password": stack.airflow_password}
        token = airflow.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        url = f"/api/v2/dags/{run['dag_id']}/dagRuns"
        answer = airflow.get(
            url,
            params={"limit": 100, "order_by": "-run_after"},
            headers={"Authorization": f"Bearer {token}"},
        ).raise_for_status()
    conf_ids = [r["conf"].get("dag_run_id") for r in answer.json()["dag_runs"]]
    if conf_ids.count(run["dag_run_id"]) != 1:
        raise DemoError(f"Airflow knows {conf_ids.count(run['dag_run_id'])} runs, not one.")


def check_exam_manager(stack: Stack, api: httpx.Client, workflow_id: str) -> None:
    """Check that exam-manager was told: every task finished, the last one with a result.

    Raises
    ------
    DemoError
        It was not.
    """
    url = f"{stack.scanhub_url}/api/v1/exam/workflow/{workflow_id}"
    headers = {"Authorization": api.headers["Authorization"]}
    tasks = httpx.get(url, headers=headers, timeout=TIMEOUT_S).raise_for_status().json()["tasks"]
    if {task["status"] for task in tasks} != {"FINISHED"}:
        raise DemoError("Exam-manager does not show every task as FINISHED.")
    if not any(task["results"] for task in tasks):
        raise DemoError("Exam-manager shows no result.")


def check_audit_trail(workflow: Json) -> None:
    """Check that every step of the walk stands in the audit trail, once.

    Raises
    ------
    DemoError
        A step is missing or was done twice.
    """
    moves = [(event["entity"].split(":")[0], event["name"]) for event in workflow["events"]]
    n_tasks = len(workflow["tasks"])
    expected = {
        ("task", "claim"): n_tasks,
        ("task", "complete"): n_tasks,
        ("dag_run", "create"): 1,
        ("dag_run", "succeed"): 1,
    }
    for move, n_times in expected.items():
        if moves.count(move) != n_times:
            raise DemoError(f"The audit trail holds {move} {moves.count(move)}, not {n_times}.")
