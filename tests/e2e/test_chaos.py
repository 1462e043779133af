"""What is killed or lost in the middle: every cause still leads to one run and one result."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psutil
import pytest

from local.config import DAG_ID
from local.stack import check_health, start_service, stop_service
from tests.e2e.alarms import list_ringing, sum_metrics
from tests.e2e.laptop import Json, Laptop, wait_until

# As `make test-load` has it, and fewer.
N_UPLOADS = [8, pytest.param(20, marks=pytest.mark.load)]
N_WORKFLOWS = [6, pytest.param(10, marks=pytest.mark.load)]
SIMULATED = {"type": "RECONSTRUCTION_TASK", "args": {"simulate": "true", "contrast": "T1"}}
N_AT_ONCE = 3
CHAOS_TIMEOUT_S = 240
KILLED = ("TriggerAirflowFunction", "ReceiveResultsFunction", "ReconcileRunsFunction")
IMPATIENT = "impatient"
# Nobody listens on this port.
NOWHERE = "http://127.0.0.1:9/api/v1/workflowmanager"


@pytest.fixture
def _airflow_comes_back(laptop: Laptop) -> Iterator[None]:
    yield
    if not check_health(laptop.config)["airflow"]:
        start_service("airflow", laptop.config)


def upload_many(laptop: Laptop, body: bytes, n_uploads: int, dag_id: str = DAG_ID) -> list[str]:
    """Send a file several times, a few at once; return the ids of the runs."""

    def upload(_: int) -> httpx.Response:
        return laptop.upload_and_trigger(body, dag_id=dag_id)

    with ThreadPoolExecutor(N_AT_ONCE) as pool:
        answers = list(pool.map(upload, range(n_uploads)))
    return [answer.raise_for_status().json()["data"]["dag_run_id"] for answer in answers]


def wait_for_all(laptop: Laptop, run_ids: list[str]) -> list[Json]:
    """Return all runs once they have ended, with turns of the reconciler in between."""

    def read() -> list[Json] | None:
        laptop.reconcile()
        runs = [laptop.find_run(run_id) or {"state": "MISSING"} for run_id in run_ids]
        for run in runs:
            if run["state"] == "PENDING":
                # It would be tried again within five minutes: that time passes now.
                laptop.let_retry_be_due(run["dag_run_id"])
        has_ended = all(run["state"] in {"SUCCEEDED", "FAILED", "CANCELLED"} for run in runs)
        return runs if has_ended else None

    return wait_until(read, f"the end of {len(run_ids)} runs", CHAOS_TIMEOUT_S)


def check_one_result_each(
    laptop: Laptop, run_ids: list[str], runs: list[Json], dag_id: str = DAG_ID
) -> None:
    """Assert that each upload has one run, here and in Airflow, and its result in the lake."""
    assert len(set(run_ids)) == len(run_ids)
    assert [run["state"] for run in runs] == ["SUCCEEDED"] * len(runs), runs
    in_airflow = [run["dag_run_id"] for run in laptop.list_airflow_runs(dag_id)]
    assert all(in_airflow.count(run_id) == 1 for run_id in run_ids)
    assert all(run["results"][0]["key"].endswith("/image.dcm") for run in runs)
    keys = [version["Key"] for version in laptop.list_objects()]
    assert all(f"result/{run_id}/image.dcm" in keys for run_id in run_ids)
    assert laptop.count_messages(laptop.stack.dlq_url) == 0


@pytest.mark.usefixtures("_airflow_comes_back")
@pytest.mark.parametrize("n_uploads", N_UPLOADS)
def test_airflow_is_killed_in_the_middle_of_uploads(
    laptop: Laptop, small_kspace: bytes, n_uploads: int
) -> None:
    # Given uploads of which some have started and some have not when Airflow is killed
    run_ids = upload_many(laptop, small_kspace, n_uploads // 2)
    stop_service("airflow", laptop.config)
    run_ids += upload_many(laptop, small_kspace, n_uploads // 2)
    # When it comes back
    start_service("airflow", laptop.config)
    runs = wait_for_all(laptop, run_ids)
    # Then each has one run and one result
    check_one_result_each(laptop, run_ids, runs)


@pytest.mark.parametrize("n_workflows", N_WORKFLOWS)
def test_function_workers_are_killed_in_the_middle_of_uploads_and_workflows(
    laptop: Laptop, small_kspace: bytes, n_workflows: int
) -> None:
    # Given queues that hand a message out again after ten seconds, not after minutes
    with quick_queues(laptop):
        workflow_ids = [
            laptop.define_workflow(SIMULATED)["workflow_id"] for _ in range(n_workflows)
        ]
        # When all function processes are killed while uploads and workflows come in, over and over
        run_ids = []
        n_killed = 0
        for first in range(0, len(workflow_ids), 4):
            for workflow_id in workflow_ids[first : first + 4]:
                laptop.process(workflow_id).raise_for_status()
            run_ids += upload_many(laptop, small_kspace, 2)
            n_killed += kill_workers(laptop)
        # Then each upload has one run and one result
        assert n_killed > 0
        runs = wait_for_all(laptop, run_ids)
        check_one_result_each(laptop, run_ids, runs)
        # And each workflow has come to its end, its task begun and completed once
        for workflow_id in workflow_ids:
            workflow = laptop.wait_for_workflow(workflow_id, "completed")
            names = [event["name"] for event in workflow["events"]]
            assert (names.count("claim"), names.count("complete")) == (1, 2)


@contextmanager
def quick_queues(laptop: Laptop) -> Iterator[None]:
    urls = laptop.sqs.list_queues()["QueueUrls"]
    names = ["VisibilityTimeout"]
    before = {
        url: laptop.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        for url in urls
    }
    for url in urls:
        laptop.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "10"})
    try:
        yield
    finally:
        for url, attributes in before.items():
            laptop.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


def test_every_callback_is_dropped(laptop: Laptop, small_kspace: bytes) -> None:
    # Given DAGs that are told to call back to where nobody is
    began_ms = int(time.time() * 1000)
    with laptop.changed_environ("TriggerAirflowFunction", WORKFLOW_MANAGER_URL=NOWHERE):
        run_ids = upload_many(laptop, small_kspace, 3, IMPATIENT)
        ids = laptop.make_workflow(
            {"type": "DEVICE_TASK_SIMULATOR"},
            {"type": "RECONSTRUCTION_TASK", "destinations": {"dag_id": IMPATIENT}},
        )
        laptop.process(ids["workflow_id"]).raise_for_status()

        def has_started() -> bool:
            tasks = laptop.get_workflow(ids["workflow_id"])["tasks"]
            runs = [laptop.find_run(run_id) for run_id in (*run_ids, tasks[1]["dag_run_id"] or "-")]
            return all(run and run["state"] != "PENDING" for run in runs)

        wait_until(has_started, "all runs to start")
    # When the reconciler does not wait for what will never come
    with laptop.changed_environ("ReconcileRunsFunction", CALLBACK_WAIT_S="0"):
        runs = wait_for_all(laptop, run_ids)
        workflow = wait_until(
            lambda: read_completed(laptop, ids["workflow_id"]), "the workflow to be completed"
        )
    # Then it has found every result by itself
    check_one_result_each(laptop, run_ids, runs, IMPATIENT)
    assert all(run["results"][0]["preview_key"].endswith("/preview.png") for run in runs)
    completed = [event for event in workflow["events"] if event["name"] == "complete"]
    assert completed[-1]["actor"] == "reconcile_runs"
    # And has counted what was lost, which is no alarm: nobody has to do anything
    assert sum_metrics(laptop, began_ms)["CallbacksLost"] == len(run_ids) + 1
    assert list_ringing(laptop, began_ms) == set()


def kill_workers(laptop: Laptop) -> int:
    """Kill the processes that serve events and callbacks; return how many there were."""
    port = f":{laptop.config.aws_port}"
    n_killed = 0
    for process in psutil.process_iter(["cmdline", "environ"]):
        variables = process.info["environ"] or {}
        is_ours = port in variables.get("AWS_ENDPOINT_URL", "")
        name = variables.get("AWS_LAMBDA_FUNCTION_NAME", "")
        if is_ours and any(part in name for part in KILLED):
            process.kill()
            n_killed += 1
    return n_killed


def read_completed(laptop: Laptop, workflow_id: str) -> Json | None:
    """Return a workflow after a turn of the reconciler, if it is completed."""
    laptop.reconcile()
    workflow = laptop.get_workflow(workflow_id)
    return workflow if workflow["status"] == "completed" else None
