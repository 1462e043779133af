"""What goes wrong ends in a state with a reason: nothing hangs, no scanner is started twice."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from local.config import DAG_ID
from tests.e2e.laptop import Json, Laptop, wait_until

NOT_RAW_DATA = (
    f"The DAG {DAG_ID} accepts ismrmrd or numpy; the object is of no format that we know."
)
DAMAGED = "The ISMRMRD (HDF5) file is damaged or truncated."
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read_task(workflow: Json, task_id: str) -> Json:
    (task,) = [task for task in workflow["tasks"] if task["task_id"] == task_id]
    return dict(task)


def wait_for_exam_comment(laptop: Laptop, task_id: str, comment: str) -> Json:
    def read() -> Json | None:
        task = laptop.get_exam_task(task_id)
        return task if comment in (task["comment"] or "") else None

    return wait_until(read, f"exam-manager to hear why task {task_id} failed")


def test_trigger_airflow_fails_the_task_with_a_sentence_when_the_scan_is_no_raw_data(
    laptop: Laptop,
) -> None:
    # Given a scanner that uploads something else
    laptop.switch_fault_on("scanner", "corrupt_data", times=1)
    ids = laptop.make_workflow()
    scan_task_id, reconstruction_task_id = ids["task_ids"]
    # When the workflow is processed
    laptop.process(ids["workflow_id"]).raise_for_status()
    workflow = laptop.wait_for_workflow(ids["workflow_id"], "failed")
    # Then the scan is completed, and the reconstruction failed for a reason one understands
    assert read_task(workflow, scan_task_id)["status"] == "COMPLETED"
    task = read_task(workflow, reconstruction_task_id)
    assert (task["status"], task["reason"]) == ("FAILED", NOT_RAW_DATA)
    run = laptop.wait_for_run(task["dag_run_id"], "FAILED")
    assert (run["reason"], run["results"]) == (NOT_RAW_DATA, [])
    # And exam-manager, which knows no failure, offers the task anew and says why
    told = wait_for_exam_comment(laptop, reconstruction_task_id, NOT_RAW_DATA)
    assert (told["status"], told["progress"], told["results"]) == ("NEW", 0, [])


def test_upload_and_trigger_refuses_what_is_no_raw_data_before_a_worker_is_spent(
    laptop: Laptop,
) -> None:
    # Given a file whose name promises more than its content; when it is uploaded
    answer = laptop.upload_and_trigger(b"This is not an ISMRMRD file.\n", "raw.h5")
    # Then its run fails for a reason one understands, and Airflow has never heard of it
    run_id = answer.raise_for_status().json()["data"]["dag_run_id"]
    run = laptop.wait_for_run(run_id, "FAILED")
    assert run["reason"] == NOT_RAW_DATA
    assert run_id not in {each["dag_run_id"] for each in laptop.list_airflow_runs()}


def test_cartesian_reconstruction_fails_with_a_sentence_when_the_file_is_damaged(
    laptop: Laptop,
) -> None:
    # Given a file that only begins like raw data; when it is uploaded
    answer = laptop.upload_and_trigger(HDF5_SIGNATURE + bytes(1000), "raw.h5")
    # Then the DAG says what is wrong with it
    run_id = answer.raise_for_status().json()["data"]["dag_run_id"]
    run = laptop.wait_for_run(run_id, "FAILED")
    assert (run["reason"], run["results"]) == (DAMAGED, [])


def test_trigger_airflow_records_an_object_that_fits_nothing(laptop: Laptop) -> None:
    # Given objects dropped by hand: an empty one, and one for a task that nobody knows
    name = uuid4().hex
    keys = [f"upload/{DAG_ID}/{name}/raw.h5", f"acquisition/{name}/{name}/raw.h5"]
    laptop.s3.put_object(Bucket=laptop.stack.bucket, Key=keys[0], Body=b"")
    laptop.s3.put_object(Bucket=laptop.stack.bucket, Key=keys[1], Body=b"data")

    def find_reasons() -> dict[str, str] | None:
        listed = laptop.api.get("/rejected_objects/").raise_for_status().json()
        found = {each["key"]: each["reason"] for each in listed["rejected_objects"]}
        return {key: found[key] for key in keys} if set(keys) <= set(found) else None

    # When their events have come; then each is listed with its reason, and nothing comes again
    reasons = wait_until(find_reasons, "the objects to be rejected")
    assert "empty" in reasons[keys[0]]
    assert "workflow" in reasons[keys[1]]
    laptop.wait_for_empty_queue()
    assert laptop.count_messages(laptop.stack.dlq_url) == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "garbage", "after_processing": True},
        {"kind": "drop", "after_processing": True},
        # It starts only after we gave up waiting for its answer.
        {"kind": "slow", "delay_s": 4.0},
    ],
    ids=["garbage", "drop", "slow"],
)
def test_process_workflow_never_starts_twice_when_the_device_answers_unclearly(
    laptop: Laptop, fault: dict[str, Any]
) -> None:
    # Given a scanner that starts, but whose answer does not say so
    laptop.switch_fault_on("scanner", times=1, **fault)
    ids = laptop.make_workflow()
    scan_task_id, _ = ids["task_ids"]
    # When the workflow is processed, and processed again
    answer = laptop.process(ids["workflow_id"])
    again = laptop.process(ids["workflow_id"])
    # Then the operator is told to look, and the scanner was started once
    assert answer.status_code == 502
    reason = answer.json()["reason"]
    assert reason.startswith("Start not confirmed")
    assert again.status_code == 409
    assert reason in again.json()["detail"]
    task = read_task(laptop.get_workflow(ids["workflow_id"]), scan_task_id)
    assert (task["status"], task["reason"]) == ("FAILED", reason)
    # And since it did scan, its data is taken and reconstructed
    laptop.wait_for_workflow(ids["workflow_id"], "completed", may_fail_first=True)
    assert laptop.wait_for_scan(scan_task_id)["n_starts"] == 1


def test_process_workflow_keeps_the_data_when_it_comes_before_the_devices_answer(
    laptop: Laptop,
) -> None:
    # Given a scanner that has scanned and uploaded before its answer, which is too late, comes
    laptop.switch_fault_on("scanner", "slow", delay_s=4.0, after_processing=True, times=1)
    ids = laptop.make_workflow()
    # When the workflow is processed
    answer = laptop.process(ids["workflow_id"])
    # Then the call is answered with doubt, but what has completed stays completed
    assert answer.status_code == 502
    laptop.wait_for_workflow(ids["workflow_id"], "completed", may_fail_first=True)
    assert laptop.wait_for_scan(ids["task_ids"][0])["n_starts"] == 1


def test_process_workflow_fails_the_task_when_the_device_refuses(laptop: Laptop) -> None:
    # Given a scanner that says no
    laptop.switch_fault_on("scanner", "status", status=409, times=1)
    ids = laptop.make_workflow()
    scan_task_id, _ = ids["task_ids"]
    # When the workflow is processed
    answer = laptop.process(ids["workflow_id"])
    # Then the task failed without a start
    assert answer.status_code == 502
    task = read_task(laptop.wait_for_workflow(ids["workflow_id"], "failed"), scan_task_id)
    assert task["reason"].startswith("Not started")
    assert laptop.get_scan(scan_task_id) is None


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "drop"}, 502),
        ({"kind": "status", "status": 500}, 502),
        ({"kind": "garbage"}, 502),
        ({"kind": "slow", "delay_s": 4.0}, 504),
    ],
    ids=["down", "broken", "garbage", "slow"],
)
def test_process_workflow_names_the_failure_when_exam_manager_fails(
    laptop: Laptop, fault: dict[str, Any], status: int
) -> None:
    # Given an exam-manager that is down, broken or slower than three seconds
    ids = laptop.make_workflow()
    laptop.switch_fault_on("exam-manager", **fault)
    # When a workflow is processed
    answer = laptop.process(ids["workflow_id"])
    # Then the answer tells the two apart, and nothing was started
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "Failed to fetch workflow data"
    laptop.clear_faults()
    assert laptop.get_scan(ids["task_ids"][0]) is None
    # And the workflow can be processed as soon as exam-manager is back
    assert laptop.process(ids["workflow_id"]).status_code == httpx.codes.OK
    laptop.wait_for_workflow(ids["workflow_id"], "completed")
