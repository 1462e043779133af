"""One task on the operator's call: simulated runs, rescans, both kinds of scanners."""

from typing import Any

import httpx

from tests.e2e.laptop import Json, Laptop, wait_until


def trigger(laptop: Laptop, task_id: str) -> httpx.Response:
    return laptop.api.post(f"/trigger_task/{task_id}/")


def make_workflow_of(laptop: Laptop, task: dict[str, Any]) -> Json:
    answer = laptop.scanhub.post("/_control/workflows", json={"tasks": [task]})
    return dict(answer.raise_for_status().json())


def test_trigger_task_simulates_a_reconstruction_as_scanhub_did(laptop: Laptop) -> None:
    # Given a reconstruction that asks to be simulated
    args = {"simulate": "true", "contrast": "T1 weighted"}
    ids = make_workflow_of(laptop, {"type": "RECONSTRUCTION_TASK", "args": args})
    [task_id] = ids["task_ids"]
    # When it is triggered
    answer = trigger(laptop, task_id).raise_for_status().json()
    # Then delayed messages play it to its result, and Airflow hears nothing
    assert (answer["status"], answer["data"]) == ("success", "ok")
    laptop.wait_for_workflow(ids["workflow_id"], "completed")
    assert not [run for run in laptop.list_airflow_runs() if run["conf"].get("task_id") == task_id]

    def read() -> Json | None:
        task = laptop.get_exam_task(task_id)
        return task if task["status"] == "FINISHED" else None

    told = wait_until(read, "exam-manager's end of the task")
    results = [(item["type"], item["directory"], item["filename"]) for item in told["results"]]
    assert told["progress"] == 100
    assert results == [("DICOM", "", "T1 weighted")]


def test_trigger_task_rescans_and_reconstructs_again(laptop: Laptop) -> None:
    # Given a completed workflow
    ids = laptop.make_workflow()
    scan_task_id, reconstruction_task_id = ids["task_ids"]
    laptop.process(ids["workflow_id"]).raise_for_status()
    first = laptop.wait_for_workflow(ids["workflow_id"], "completed")
    # When the scan is triggered again
    answer = trigger(laptop, scan_task_id).raise_for_status().json()
    # Then it is scanned and reconstructed as the second attempt of both
    assert answer["task"]["attempt"] == 2
    second = laptop.wait_for_workflow(ids["workflow_id"], "completed")
    assert laptop.wait_for_scan(scan_task_id)["n_starts"] == 2
    runs = [
        task["dag_run_id"]
        for workflow in (first, second)
        for task in workflow["tasks"]
        if task["task_id"] == reconstruction_task_id
    ]
    assert len(set(runs)) == 2


def test_trigger_task_starts_a_scan_through_device_manager(laptop: Laptop) -> None:
    # Given a task for a device of the SDK, which hangs at device-manager's websocket
    ids = make_workflow_of(laptop, {"type": "DEVICE_TASK_SDK"})
    [task_id] = ids["task_ids"]
    # When it is triggered
    trigger(laptop, task_id).raise_for_status()
    # Then device-manager started it, once, and its data completes the task
    assert laptop.wait_for_scan(task_id)["n_starts"] == 1
    laptop.wait_for_workflow(ids["workflow_id"], "completed")
