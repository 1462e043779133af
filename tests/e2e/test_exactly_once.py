"""Exactly one run per cause and one start per call, whatever is delivered twice."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from local.config import DAG_ID
from tests.e2e.conftest import Walk
from tests.e2e.laptop import Laptop, wait_until

N_CALLS = 20
# Each call in flight needs a function process of its own, and each of those a cold start.
N_CALLS_AT_ONCE = 8


def test_trigger_airflow_changes_nothing_when_a_handled_event_comes_again(
    laptop: Laptop, walk: Walk
) -> None:
    # Given an acquisition that was reconstructed
    prefix = f"acquisition/{walk.workflow_id}/{walk.scan_task_id}/"
    (version,) = [item for item in laptop.list_objects() if item["Key"].startswith(prefix)]
    # When its event comes three more times
    laptop.send_object_created(version["Key"], version["VersionId"], version["Size"], times=3)
    laptop.wait_for_empty_queue()
    # Then Airflow still knows one run of it, and the workflow is as it was
    assert len(laptop.list_airflow_runs_of(version["Key"])) == 1
    assert laptop.get_workflow(walk.workflow_id) == walk.workflow
    assert laptop.count_messages(laptop.stack.dlq_url) == 0


def test_trigger_airflow_starts_one_run_when_a_fresh_event_comes_four_times(
    laptop: Laptop, small_kspace: bytes
) -> None:
    # Given a new object, of which S3 tells by itself
    key = f"upload/{DAG_ID}/by hand {uuid4().hex[:8]}/raw.npy"
    stored = laptop.s3.put_object(Bucket=laptop.stack.bucket, Key=key, Body=small_kspace)
    # When the same event comes three more times at once
    laptop.send_object_created(key, stored["VersionId"], len(small_kspace), times=3)
    (run, *others) = wait_until(
        lambda: laptop.list_airflow_runs_of(key), f"a run for the object {key}"
    )
    laptop.wait_for_empty_queue()
    # Then Airflow was given one run, and its result is ours
    assert not others
    assert len(laptop.list_airflow_runs_of(key)) == 1
    laptop.wait_for_run(run["dag_run_id"], "SUCCEEDED")
    assert laptop.count_messages(laptop.stack.dlq_url) == 0


def test_process_workflow_starts_the_scanner_once_when_called_concurrently(laptop: Laptop) -> None:
    # Given a fresh workflow
    ids = laptop.make_workflow()
    scan_task_id, _ = ids["task_ids"]
    # When it is processed by many calls, several of them at any time
    with ThreadPoolExecutor(N_CALLS_AT_ONCE) as pool:
        answers = list(pool.map(laptop.process, [ids["workflow_id"]] * N_CALLS))
    # Then one of them started the scanner, and the others were told of it
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.json()["is_started"] for answer in answers].count(True) == 1
    workflow = laptop.wait_for_workflow(ids["workflow_id"], "completed")
    scan = laptop.wait_for_scan(scan_task_id)
    assert (scan["n_starts"], scan["n_refused"]) == (1, 0)
    assert [task["attempt"] for task in workflow["tasks"]] == [1, 1]
