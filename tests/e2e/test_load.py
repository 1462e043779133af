"""A thousand events and a hundred workflows: nothing twice, nothing lost (`make test-load`)."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from statistics import median, quantiles

import pytest

from tests.e2e.laptop import Json, Laptop, wait_until

pytestmark = pytest.mark.load
NOTHING = "nothing"
N_EVENTS = 1000
N_WORKFLOWS = 100
N_AT_ONCE = 10
TIMEOUT_S = 900


def iterate(laptop: Laptop, path: str, name: str, **params: str) -> list[Json]:
    """Return a list of the API, all of its pages."""
    found: list[Json] = []
    cursor: dict[str, str] = {}
    while True:
        page = laptop.api.get(path, params={"limit": 100, **params, **cursor})
        document = page.raise_for_status().json()
        found += document[name]
        if document["next_cursor"] is None:
            return found
        cursor = {"cursor": document["next_cursor"]}


def list_airflow_run_ids(laptop: Laptop) -> list[str]:
    """Return the id of every run of the DAG that Airflow has."""
    found: list[str] = []
    while True:
        params = {"limit": 100, "offset": len(found), "order_by": "id"}
        answer = laptop.airflow.get(f"/dags/{NOTHING}/dagRuns", params=params)
        page = answer.raise_for_status().json()["dag_runs"]
        found += [run["dag_run_id"] for run in page]
        if not page:
            return found


def test_a_thousand_events_start_a_run_each(laptop: Laptop, measurements: dict[str, float]) -> None:
    # Given a thousand objects that come at once
    def put(number: int) -> float:
        key = f"upload/{NOTHING}/load-{number}/raw.npy"
        laptop.s3.put_object(Bucket=laptop.stack.bucket, Key=key, Body=b"k-space")
        return time.time()

    began_at = datetime.now(UTC).isoformat()
    began_s = time.time()
    with ThreadPoolExecutor(N_AT_ONCE) as pool:
        list(pool.map(put, range(N_EVENTS)))
    stored_s = time.time()

    # When all have been taken
    def read() -> list[Json] | None:
        runs = iterate(laptop, "/dag_runs/", "dag_runs", dag_id=NOTHING, **{"from": began_at})
        has_begun = len(runs) >= N_EVENTS and all(run["state"] != "PENDING" for run in runs)
        return runs if has_begun else None

    runs = wait_until(read, f"{N_EVENTS} runs", TIMEOUT_S)
    taken_s = time.time()
    # Then each has one run, here and in Airflow, and nothing was given up
    ids = [run["dag_run_id"] for run in runs]
    in_airflow = Counter(list_airflow_run_ids(laptop))
    assert len(set(ids)) == N_EVENTS
    assert {in_airflow[run_id] for run_id in ids} == {1}
    assert laptop.count_messages(laptop.stack.dlq_url) == 0
    measurements[f"{N_EVENTS} objects stored"] = stored_s - began_s
    measurements[f"{N_EVENTS} objects stored -> all DAG runs created"] = taken_s - began_s


def test_a_hundred_workflows_at_once_are_all_completed(
    laptop: Laptop, measurements: dict[str, float]
) -> None:
    # Given workflows of two tasks each, whose runs are simulated
    tasks = [
        {"type": kind, "args": {"simulate": "true", "contrast": "T1"}}
        for kind in ("RECONSTRUCTION_TASK", "PROCESSING_TASK")
    ]
    ids = [laptop.define_workflow(*tasks)["workflow_id"] for _ in range(N_WORKFLOWS)]

    # When all are processed, ten at a time
    def process(workflow_id: str) -> float:
        began_s = time.perf_counter()
        laptop.process(workflow_id).raise_for_status()
        return time.perf_counter() - began_s

    began_s = time.time()
    with ThreadPoolExecutor(N_AT_ONCE) as pool:
        durations_s = list(pool.map(process, ids))

    # Then all come to their end
    def read() -> list[Json] | None:
        workflows = [laptop.get_workflow(workflow_id) for workflow_id in ids]
        statuses = Counter(workflow["status"] for workflow in workflows)
        assert not statuses.keys() - {"running", "completed"}, statuses
        return workflows if statuses["completed"] == len(ids) else None

    workflows = wait_until(read, f"{N_WORKFLOWS} workflows", TIMEOUT_S)
    # And no task was begun or completed twice
    for workflow in workflows:
        names = Counter(
            event["name"] for event in workflow["events"] if event["entity"].startswith("task")
        )
        assert (names["claim"], names["complete"]) == (len(tasks), len(tasks))
    assert laptop.count_messages(laptop.stack.dlq_url) == 0
    measurements[f"process, median of {N_WORKFLOWS}, {N_AT_ONCE} at once"] = median(durations_s)
    measurements[f"process, p99 of {N_WORKFLOWS}, {N_AT_ONCE} at once"] = quantiles(
        durations_s, n=100
    )[98]
    measurements[f"{N_WORKFLOWS} workflows of two tasks -> completed"] = time.time() - began_s
