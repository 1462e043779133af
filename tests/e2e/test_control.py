"""What an operator does beside starting: look ahead, cancel, retry, go step by step."""

import time
from uuid import uuid4

import httpx

from local.config import DAG_ID
from tests.e2e.alarms import list_ringing
from tests.e2e.laptop import Json, Laptop, wait_until

SLEEPING = "sleeping"


def make_sleeping_task(name: str = "Sleep", **args: str) -> Json:
    args["input_task_ids"] = "[]"
    destinations = {"dag_id": SLEEPING}
    return {"name": name, "type": "PROCESSING_TASK", "args": args, "destinations": destinations}


def get_airflow_state(laptop: Laptop, run_id: str) -> str:
    answer = laptop.airflow.get(f"/dags/{SLEEPING}/dagRuns/{run_id}")
    return "" if answer.status_code == httpx.codes.NOT_FOUND else str(answer.json()["state"])


def wait_for_start(laptop: Laptop, workflow_id: str) -> str:
    """Return the id of the run of a workflow's only task once Airflow runs it."""
    (task,) = laptop.get_workflow(workflow_id)["tasks"]
    run_id = str(task["dag_run_id"])
    wait_until(lambda: get_airflow_state(laptop, run_id) == "running", f"Airflow to run {run_id}")
    return run_id


def test_reconcile_runs_stops_a_dag_that_sleeps_past_its_deadline(laptop: Laptop) -> None:
    # Given a task whose DAG may take three seconds, and takes ten minutes
    began_ms = int(time.time() * 1000)
    ids = laptop.define_workflow(make_sleeping_task(timeout_minutes="0.05"))
    laptop.process(ids["workflow_id"]).raise_for_status()
    run_id = wait_for_start(laptop, ids["workflow_id"])

    # When its time is over and the reconciler takes its turns
    def is_over() -> bool:
        laptop.reconcile()
        return laptop.get_workflow(ids["workflow_id"])["status"] == "failed"

    wait_until(is_over, "the deadline")
    # Then the task failed with that reason, and the run is stopped in Airflow
    (task,) = laptop.get_workflow(ids["workflow_id"])["tasks"]
    assert task["reason"] == "The run did not end before its deadline, so it was stopped."
    wait_until(lambda: get_airflow_state(laptop, run_id) == "failed", "Airflow to stop the run")
    # And the alarm of it would ring, and no other of ours
    wait_until(lambda: list_ringing(laptop, began_ms) == {"RunsPastDeadline"}, "the alarm")


def test_cancel_task_stops_the_run_in_airflow_and_retry_task_starts_another(
    laptop: Laptop,
) -> None:
    # Given a task whose DAG runs
    ids = laptop.define_workflow(make_sleeping_task())
    (task_id,) = ids["task_ids"]
    laptop.process(ids["workflow_id"]).raise_for_status()
    first = wait_for_start(laptop, ids["workflow_id"])
    url = f"/workflows/{ids['workflow_id']}/tasks/{task_id}"
    # When it is cancelled, retried, and its workflow cancelled
    cancelled = laptop.api.post(f"{url}/cancel/").raise_for_status().json()
    assert cancelled["task"]["status"] == "CANCELLED"
    assert laptop.get_workflow(ids["workflow_id"])["status"] == "cancelled"
    wait_until(lambda: get_airflow_state(laptop, first) == "failed", "Airflow to stop the run")
    retried = laptop.api.post(f"{url}/retry/").raise_for_status().json()
    second = wait_for_start(laptop, ids["workflow_id"])
    # Then the second run is another one
    assert retried["task"]["attempt"] == 2
    assert second != first
    # And the whole workflow can be cancelled just so
    answer = laptop.api.post(f"/workflows/{ids['workflow_id']}/cancel/").raise_for_status()
    assert answer.json()["workflow_status"] == "cancelled"
    wait_until(lambda: get_airflow_state(laptop, second) == "failed", "Airflow to stop the run")
    again = laptop.api.post(f"{url}/cancel/")
    assert again.json()["message"] == "The task was cancelled before."


def test_cancel_dag_run_and_retry_dag_run_of_an_upload(laptop: Laptop, small_kspace: bytes) -> None:
    # Given an object for a DAG that sleeps
    key = f"upload/{SLEEPING}/{uuid4().hex}/raw.npy"
    laptop.s3.put_object(Bucket=laptop.stack.bucket, Key=key, Body=small_kspace)

    def find_run() -> str | None:
        runs = laptop.api.get("/dag_runs/", params={"dag_id": SLEEPING, "state": "RUNNING"})
        for run in runs.raise_for_status().json()["dag_runs"]:
            if laptop.read_run_item(run["dag_run_id"])["data"]["M"]["key"]["S"] == key:
                return str(run["dag_run_id"])
        return None

    run_id = wait_until(find_run, "the run of the object")
    # When it is cancelled
    run = laptop.api.post(f"/dag_runs/{run_id}/cancel/").raise_for_status().json()
    # Then it can be retried, as another run, and shows its tasks in Airflow
    assert run["state"] == "CANCELLED"
    retry = laptop.api.post(f"/dag_runs/{run_id}/retry/").raise_for_status().json()
    assert (retry["attempt"], retry["dag_run_id"] != run_id) == (2, True)
    wait_until(
        lambda: get_airflow_state(laptop, retry["dag_run_id"]) == "running", "the second run"
    )
    shown = laptop.api.get(f"/dag_runs/{retry['dag_run_id']}/").raise_for_status().json()
    assert [each["task_id"] for each in shown["task_instances"]] == ["sleep"]
    assert retry["dag_run_id"] in shown["airflow_url"]
    laptop.api.post(f"/dag_runs/{retry['dag_run_id']}/cancel/").raise_for_status()


def test_validate_workflow_says_what_is_missing_and_changes_nothing(laptop: Laptop) -> None:
    # Given a scan on a device that is offline, and a DAG that nobody knows
    device_id = f"scanner-{uuid4().hex[:8]}"
    device = {"id": device_id, "status": "disconnected"}
    laptop.scanhub.post("/_control/devices", json=device).raise_for_status()
    tasks = [
        {"name": "Scan", "type": "DEVICE_TASK_SDK"},
        {"name": "Reconstruct", "type": "RECONSTRUCTION_TASK", "destinations": {"dag_id": "no"}},
    ]
    body = {"device_id": device_id, "tasks": tasks}
    ids = laptop.scanhub.post("/_control/workflows", json=body).raise_for_status().json()
    # When the workflow is tried
    answer = laptop.api.post(f"/workflows/{ids['workflow_id']}/validate/").raise_for_status().json()
    # Then both are named, in order, and nothing has begun
    assert not answer["is_valid"]
    assert answer["would_start"] == ids["task_ids"][:1]
    assert [task["problems"] for task in answer["tasks"]] == [
        ["The device is disconnected."],
        ["Airflow does not know the DAG no."],
    ]
    assert laptop.get_workflow(ids["workflow_id"])["status"] == "pending"
    assert laptop.get_exam_task(ids["task_ids"][0])["status"] == "NEW"


def test_process_workflow_goes_step_by_step_when_it_is_told_to(laptop: Laptop) -> None:
    # Given a workflow that is to go step by step
    ids = laptop.make_workflow()
    params = {"auto_advance": "false"}
    laptop.api.post(f"/process/{ids['workflow_id']}/", params=params).raise_for_status()
    scan_task_id, reconstruction_task_id = ids["task_ids"]

    def read_statuses() -> dict[str, str]:
        tasks = laptop.get_workflow(ids["workflow_id"])["tasks"]
        return {task["task_id"]: task["status"] for task in tasks}

    # When its scan is completed
    wait_until(lambda: read_statuses()[scan_task_id] == "COMPLETED", "the end of the scan")
    # Then the reconstruction waits for the next call
    assert read_statuses()[reconstruction_task_id] == "PENDING"
    laptop.process(ids["workflow_id"]).raise_for_status()
    laptop.wait_for_workflow(ids["workflow_id"], "completed")


def test_join_gets_the_data_of_both_its_inputs(laptop: Laptop) -> None:
    # Given two reconstructions of one scan, and a task that takes what both have left
    scan, left, right, join = (str(uuid4()) for _ in range(4))
    device_id = f"scanner-{uuid4().hex[:8]}"
    laptop.scanhub.post("/_control/devices", json={"id": device_id}).raise_for_status()
    dag = {"type": "PROCESSING_TASK", "destinations": {"dag_id": DAG_ID}}
    tasks = [
        {"id": scan, "name": "Scan", "type": "DEVICE_TASK_SIMULATOR"},
        {"id": left, "name": "Left", **dag, "args": {"input_task_ids": f'["{scan}"]'}},
        {"id": right, "name": "Right", **dag, "args": {"input_task_ids": f'["{scan}"]'}},
        {
            "id": join,
            "name": "Join",
            "type": "PROCESSING_TASK",
            "destinations": {"dag_id": SLEEPING},
            "args": {"input_task_ids": f'["{left}", "{right}"]'},
        },
    ]
    body = {"device_id": device_id, "tasks": tasks}
    ids = laptop.scanhub.post("/_control/workflows", json=body).raise_for_status().json()
    # When it is processed
    laptop.process(ids["workflow_id"]).raise_for_status()

    def find_join() -> str | None:
        found = {task["task_id"]: task for task in laptop.get_workflow(ids["workflow_id"])["tasks"]}
        run_id = found[join]["dag_run_id"]
        return run_id if run_id and get_airflow_state(laptop, run_id) == "running" else None

    run_id = wait_until(find_join, "the join to run")
    # Then the join was started once, with the results of both
    conf = laptop.airflow.get(f"/dags/{SLEEPING}/dagRuns/{run_id}").json()["conf"]
    tasks_of = {task["task_id"]: task for task in laptop.get_workflow(ids["workflow_id"])["tasks"]}
    assert [each["key"] for each in conf["inputs"]] == [
        f"result/{tasks_of[side]['dag_run_id']}/image.dcm" for side in (left, right)
    ]
    laptop.api.post(f"/workflows/{ids['workflow_id']}/cancel/").raise_for_status()
