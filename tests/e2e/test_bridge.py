"""The bridge beside the stack: what a device leaves on ScanHub's volume, and what comes back."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pydicom

from local.scanhub import TODAYS_CONTRACT
from local.scanhub.scanner import acquire_phantom
from local.scanhub.seed import SERVICE_PASSWORD, SERVICE_USERNAME
from tests.e2e.laptop import Json, Laptop, wait_until

# With what it takes to start on a busy machine.
TIMEOUT_S = 120


def test_file_of_a_device_becomes_an_image_on_the_volume_of_scanhub(
    laptop: Laptop, tmp_path: Path
) -> None:
    # Given a scan whose device sends its file to the volume, and nowhere else
    ids = laptop.make_workflow()
    scan_id, reconstruction_id = ids["task_ids"]
    if laptop.stack.scanhub_contract == TODAYS_CONTRACT:
        scan_to_volume(laptop, ids)
    else:
        scan_without_upload(laptop, ids)
        write_raw_data(laptop, ids)

    # When the bridge looks until it has sent the file
    def is_sent() -> bool:
        look(laptop, tmp_path)
        [scan, _] = laptop.get_workflow(ids["workflow_id"])["tasks"]
        return bool(scan["status"] == "COMPLETED")

    wait_until(is_sent, f"the data of task {scan_id}")
    workflow = laptop.wait_for_workflow(ids["workflow_id"], "completed")
    folder = laptop.config.scanhub_volume / ids["workflow_id"] / reconstruction_id

    # Then the image of its one run comes down, once
    wait_until(lambda: look(laptop, tmp_path) or list(folder.rglob("*.dcm")), "the image")
    look(laptop, tmp_path)
    [image] = folder.rglob("*.dcm")
    assert pydicom.dcmread(image).Modality == "MR"
    run_ids = {task["dag_run_id"] for task in workflow["tasks"]} - {None}
    runs = [run for run in laptop.list_airflow_runs() if run["dag_run_id"] in run_ids]
    assert len(runs) == 1
    if laptop.stack.scanhub_contract == TODAYS_CONTRACT:
        # And exam-manager serves it to ScanHub's viewer
        [result] = laptop.get_exam_task(reconstruction_id)["results"]
        [instance] = result["meta"]["instances"]
        path = instance[instance.index("/api/v1/exam/dcm/") :]
        assert laptop.scanhub.get(path).content == image.read_bytes()


def look(laptop: Laptop, folder: Path) -> None:
    """Run the bridge once, as cron would."""
    password = folder / "password"
    password.write_text(SERVICE_PASSWORD)
    password.chmod(0o600)
    arguments = ["--data", laptop.config.scanhub_volume, "--state", folder, "--reserve", "0"]
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "SCANHUB_WORKFLOW_URL": laptop.stack.api_url,
        "SCANHUB_URL": laptop.stack.scanhub_url,
        "SCANHUB_USERNAME": SERVICE_USERNAME,
        "SCANHUB_PASSWORD_FILE": str(password),
    }
    program = Path(sys.executable).with_name("scanhub-workflow")
    ended = subprocess.run(  # noqa: S603 - our own program
        [program, "bridge", "--once", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert SERVICE_PASSWORD not in ended.stdout + ended.stderr


def scan_to_volume(laptop: Laptop, ids: Json) -> None:
    """Scan with a device that knows no workflow manager."""
    control = "/_control/scanner"
    known = laptop.scanhub.put(control, json={}).raise_for_status().json()["workflow_manager_url"]
    laptop.scanhub.put(control, json={"workflow_manager_url": ""}).raise_for_status()
    try:
        laptop.process(ids["workflow_id"]).raise_for_status()
        laptop.wait_for_scan(ids["task_ids"][0])
    finally:
        laptop.scanhub.put(control, json={"workflow_manager_url": known}).raise_for_status()


def scan_without_upload(laptop: Laptop, ids: Json) -> None:
    """Scan with a device whose line breaks before it has said or sent anything more."""
    laptop.switch_fault_on("scanner", "drop_socket", times=1)
    laptop.process(ids["workflow_id"]).raise_for_status()
    laptop.wait_for_scan(ids["task_ids"][0])


def write_raw_data(laptop: Laptop, ids: Json) -> None:
    """Leave a file on the volume, and tell exam-manager where, as devices of 2025-03 may."""
    place = Path(ids["workflow_id"], ids["task_ids"][0], str(uuid4()))
    folder = laptop.config.scanhub_volume / place
    folder.mkdir(parents=True)
    acquire_phantom(folder / "scan.h5")
    result = {"task_id": ids["task_ids"][0], "type": "MRD", "status": "NEW"}
    result |= {"directory": f"/data/{place}", "filename": "scan.h5"}
    laptop.scanhub.post("/api/v1/exam/result", json=result).raise_for_status()
