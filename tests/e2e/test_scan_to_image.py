"""The main job: one call of the operator, and a scan becomes an image."""

import io
import json
import re
from datetime import datetime
from pathlib import Path, PurePosixPath

import numpy as np
import pydicom
from PIL import Image

from local.phantom import draw_phantom
from local.scanhub import TODAYS_CONTRACT
from tests.e2e.conftest import Walk, walk_through
from tests.e2e.laptop import Laptop, wait_until

IMAGE_SHAPE = (256, 256)
# The noise of the simulated coils leaves 0.997; an image that is shifted or mirrored, far less.
MIN_LIKENESS = 0.99


def test_process_workflow_starts_the_scanner_once_and_completes_every_task(
    laptop: Laptop, walk: Walk
) -> None:
    # Given a workflow of one scan and one reconstruction; when the operator processed it once
    # Then both tasks are completed, and the scanner was started exactly once
    tasks = {task["task_id"]: task for task in walk.workflow["tasks"]}
    assert list(tasks) == [walk.scan_task_id, walk.reconstruction_task_id]
    assert {(task["status"], task["progress"]) for task in tasks.values()} == {("COMPLETED", 100)}
    assert {task["attempt"] for task in tasks.values()} == {1}
    scan = laptop.wait_for_scan(walk.scan_task_id)
    assert (scan["n_starts"], scan["n_refused"], scan["state"]) == (1, 0, "finished")


def test_trigger_airflow_starts_one_run_for_an_acquisition(laptop: Laptop, walk: Walk) -> None:
    # Given a completed walk; when Airflow is asked
    task_ids = {walk.scan_task_id, walk.reconstruction_task_id}
    runs = [r for r in laptop.list_airflow_runs() if r["conf"].get("task_id") in task_ids]
    # Then it ran the DAG once, under the id that the API shows, on the scanner's upload
    (airflow_run,) = runs
    assert airflow_run["dag_run_id"] == walk.run["dag_run_id"]
    assert airflow_run["conf"]["task_id"] == walk.reconstruction_task_id
    prefix = f"acquisition/{walk.workflow_id}/{walk.scan_task_id}/"
    assert airflow_run["conf"]["key"].startswith(prefix)
    ended = wait_until(
        lambda: laptop.airflow.get(
            f"/dags/{airflow_run['dag_id']}/dagRuns/{airflow_run['dag_run_id']}"
        ).json()["end_date"],
        "the end of the run in Airflow",
    )
    assert ended


def test_receive_results_tells_exam_manager_when_a_workflow_completes(
    laptop: Laptop, walk: Walk
) -> None:
    # Given a completed walk; when exam-manager is asked, which is told after our own record
    def read() -> bool:
        tasks = [laptop.get_exam_task(task_id) for task_id in _task_ids(walk)]
        return {(task["status"], task["progress"]) for task in tasks} == {("FINISHED", 100)}

    # Then both tasks are finished, and the reconstruction has its result
    wait_until(read, "exam-manager to hear that both tasks are finished")
    scanned = laptop.get_exam_task(walk.scan_task_id)["results"]
    (result,) = laptop.get_exam_task(walk.reconstruction_task_id)["results"]
    directory = f"s3://{laptop.stack.bucket}/result/{walk.run['dag_run_id']}"
    assert (result["directory"].removesuffix("/"), result["type"]) == (directory, "DICOM")
    # And the scan has the one that its device has made, if ScanHub is so new
    if laptop.stack.scanhub_contract == TODAYS_CONTRACT:
        assert "image.dcm" in result["files"]
        place = f"/data/{walk.workflow_id}/{walk.scan_task_id}/{scanned[0]['id']}"
        assert [each["directory"] for each in scanned] == [place]
    else:
        assert (result["filename"], scanned) == ("image.dcm", [])


def test_list_results_gives_urls_that_download_the_image_and_its_preview(
    laptop: Laptop, walk: Walk
) -> None:
    # Given a completed walk; when its results are listed
    url = f"/dag_runs/{walk.run['dag_run_id']}/results/"
    (result,) = laptop.api.get(url).raise_for_status().json()["results"]
    # Then whoever has the URLs, and no token, gets the files
    image = laptop.plain.get(result["url"]).raise_for_status()
    assert image.content == laptop.read_object(result["key"])
    assert "attachment" in image.headers["Content-Disposition"]
    preview = laptop.plain.get(result["preview_url"]).raise_for_status()
    assert Image.open(io.BytesIO(preview.content)).size[::-1] == IMAGE_SHAPE


def test_get_dicom_leads_a_viewer_to_the_image(laptop: Laptop, walk: Walk) -> None:
    # Given a completed walk; when a viewer asks for the result by exam-manager's id of it
    (result,) = wait_until(
        lambda: laptop.get_exam_task(walk.reconstruction_task_id)["results"],
        "exam-manager to hear of the result",
    )
    answer = laptop.api.get(f"/dicom/{result['id']}")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "no-store")
    # Then it is led to the image, which needs no token and stays in no cache
    image = laptop.plain.get(answer.headers["Location"]).raise_for_status()
    assert image.content == laptop.read_object(walk.run["results"][0]["key"])
    assert image.headers["Content-Type"] == "application/dicom"
    assert image.headers["Cache-Control"] == "no-store"


def test_cartesian_reconstruction_leaves_a_dicom_image_without_a_patient(
    laptop: Laptop, walk: Walk
) -> None:
    # Given a completed walk; when its DICOM file is read
    (result,) = walk.run["results"]
    image = pydicom.dcmread(io.BytesIO(laptop.read_object(result["key"])))
    # Then it shows the phantom in the matrix of the scan, and nobody's name
    assert image.pixel_array.shape == IMAGE_SHAPE
    phantom = draw_phantom(IMAGE_SHAPE)
    assert np.corrcoef(image.pixel_array.ravel(), phantom.ravel())[0, 1] > MIN_LIKENESS
    assert image.Modality == "MR"
    assert not image.PatientName
    # Keyed: what a DAG makes by itself is shorter.
    assert re.fullmatch("[A-Z2-7]{32}", image.PatientID)
    assert image.PatientIdentityRemoved == "YES"
    assert not image.PatientBirthDate


def test_cartesian_reconstruction_leaves_a_preview(laptop: Laptop, walk: Walk) -> None:
    # Given a completed walk; when its preview is opened
    (result,) = walk.run["results"]
    assert PurePosixPath(result["preview_key"]).suffix == ".png"
    with Image.open(io.BytesIO(laptop.read_object(result["preview_key"]))) as preview:
        # Then it is a picture of the image's proportions that shows something
        preview.load()
        assert preview.width == preview.height
        lowest, highest = preview.convert("L").getextrema()
    assert lowest != highest


def test_get_workflow_shows_the_audit_trail_in_order(walk: Walk) -> None:
    # Given a completed walk; when its events are read
    events = walk.workflow["events"]
    # Then every step is there once, in the order in which it happened
    steps = [(event["entity"].split(":")[0], event["name"]) for event in events]
    assert steps == [
        ("workflow", "define"),
        ("task", "claim"),
        ("task", "confirm_scan"),
        ("task", "complete"),
        ("task", "claim"),
        ("dag_run", "create"),
        ("dag_run", "start"),
        ("dag_run", "succeed"),
        ("task", "complete"),
        ("workflow", "complete"),
    ]
    times = [datetime.fromisoformat(event["at"]) for event in events]
    assert times == sorted(times)
    assert [event["event_id"] for event in events] == sorted(event["event_id"] for event in events)
    actors = [event["actor"] for event in events]
    assert actors[:7] == ["operator"] * 3 + ["trigger_airflow"] * 4


def test_walk_is_measured_when_warm(
    laptop: Laptop, walk: Walk, measurements: dict[str, float]
) -> None:
    # Given functions that one walk has warmed up; when another walk is done
    warm = walk_through(laptop)
    # Then the times of its steps are noted: no bounds, the machine may be busy
    (airflow_run,) = [
        run for run in laptop.list_airflow_runs() if run["dag_run_id"] == warm.run["dag_run_id"]
    ]
    # A HEAD would give whole seconds, the listing gives more.
    listed = {version["Key"]: version["LastModified"] for version in laptop.list_objects()}
    stored_at: datetime = listed[airflow_run["conf"]["key"]]
    created_at = datetime.fromisoformat(airflow_run["queued_at"])
    finished_at = datetime.fromisoformat(warm.run["finished_at"])
    measurements["object stored -> DAG run created"] = (created_at - stored_at).total_seconds()
    measurements["DAG run created -> result recorded"] = (finished_at - created_at).total_seconds()
    file = Path(laptop.stack.log_dir) / "measurements.json"
    file.write_text(json.dumps(measurements, indent=2) + "\n")


def _task_ids(walk: Walk) -> list[str]:
    return [walk.scan_task_id, walk.reconstruction_task_id]
