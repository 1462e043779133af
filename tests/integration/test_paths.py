"""Rarer paths through the real handlers and adapters, on what AWS really sends and keeps."""

import importlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest

from local.scanhub.faults import Fault
from local.scanhub.models import TaskType
from local.scanhub.seed import TaskSpec
from tests.fakes.wire import WireFault
from tests.integration.deployment import BUCKET, DAG_ID, Deployment, deploy, forget_logins, put_part
from workflow_manager.domain.entity import Cause
from workflow_manager.services import simulate_reconstruction
from workflow_manager.steps.runs import start_dag_run
from workflow_manager.wiring import PORTS

SCAN = TaskSpec(type=TaskType.DEVICE_TASK_SDK)
RECONSTRUCTION = TaskSpec(type=TaskType.RECONSTRUCTION_TASK)
PROCESSING = TaskSpec(type=TaskType.PROCESSING_TASK, destinations={"dag_id": DAG_ID})
SIMULATION = TaskSpec(
    type=TaskType.RECONSTRUCTION_TASK, args={"simulate": "true", "contrast": "T1"}
)

GIVEN_BY_EXAM_MANAGER = {"id", "creator", "datetime_created", "datetime_updated", "results"}


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    with deploy() as deployment:
        yield deployment


def begin_upload(deployment: Deployment, **target: str) -> dict[str, Any]:
    body = {**target, "file_name": "a.h5", "size_bytes": 4}
    answer = deployment.call("create_upload", "POST", "/uploads/", body)
    assert answer["statusCode"] == 201
    return dict(json.loads(answer["body"]))


def end_upload(deployment: Deployment, plan: dict[str, Any]) -> int:
    body = {"parts": [{"part_number": 1, "etag": put_part(plan)}]}
    path = f"/uploads/{plan['upload_id']}/complete/"
    return int(deployment.call("complete_upload", "POST", path, body)["statusCode"])


def tell_of_newest_object(deployment: Deployment) -> str:
    """Send S3's event of it, with the version that S3 names and moto does not; return its key."""
    versions = boto3.client("s3").list_object_versions(Bucket=BUCKET)["Versions"]
    newest = max(versions, key=lambda version: version["LastModified"])
    s3_object = {"key": quote_plus(newest["Key"]), "size": newest["Size"]}
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:CompleteMultipartUpload",
        "s3": {
            "bucket": {"name": BUCKET},
            "object": s3_object | {"versionId": newest["VersionId"], "sequencer": "01"},
        },
    }
    deployment.invoke("trigger_airflow", {"Records": [record]})
    return str(newest["Key"])


def process(deployment: Deployment) -> None:
    answer = deployment.call("process_workflow", "POST", f"/process/{deployment.workflow_id}/")
    assert answer["statusCode"] == 200


def scan(deployment: Deployment) -> None:
    process(deployment)
    assert end_upload(deployment, begin_upload(deployment, task_id=deployment.task_ids[0])) == 200
    deployment.drain_queue()


def shown_states(deployment: Deployment) -> list[str]:
    answer = deployment.call("get_workflow", "GET", f"/workflows/{deployment.workflow_id}/")
    return [task["status"] for task in json.loads(answer["body"])["tasks"]]


def test_object_version_of_an_upload_becomes_one_run(deployment: Deployment) -> None:
    assert end_upload(deployment, begin_upload(deployment, dag_id=DAG_ID)) == 200

    key = tell_of_newest_object(deployment)

    [run] = deployment.airflow.runs.values()
    assert run["conf"]["key"] == key
    assert run["conf"]["version_id"]


def test_object_version_of_a_scan_completes_it(deployment: Deployment) -> None:
    deployment.add_workflow(SCAN, RECONSTRUCTION)
    process(deployment)
    plan = begin_upload(deployment, task_id=deployment.task_ids[0])
    assert end_upload(deployment, plan) == 200

    key = tell_of_newest_object(deployment)
    deployment.drain_queue()

    [run] = deployment.airflow.runs.values()
    assert (run["conf"]["key"], bool(run["conf"]["version_id"])) == (key, True)
    assert shown_states(deployment) == ["COMPLETED", "IN_PROGRESS"]


def test_copy_of_a_template_reconstructs_its_own_scan_in_any_order(deployment: Deployment) -> None:
    # Given the copy of a template, made in another order, that names the template's scan
    deployment.add_workflow(SCAN, RECONSTRUCTION, is_template=True)
    args = {"input_task_ids": json.dumps([deployment.task_ids[0]])}
    deployment.add_workflow(RECONSTRUCTION.model_copy(update={"args": args}), SCAN)
    reconstruction_id, scan_id = deployment.task_ids

    process(deployment)
    assert deployment.airflow.runs == {}
    assert end_upload(deployment, begin_upload(deployment, task_id=scan_id)) == 200
    key = tell_of_newest_object(deployment)
    deployment.drain_queue()

    [run] = deployment.airflow.runs.values()
    assert (run["conf"]["task_id"], run["conf"]["key"]) == (reconstruction_id, key)


@pytest.mark.parametrize("target", ["dag", "task"])
def test_upload_that_s3_has_lost_is_said_to_be_aborted(deployment: Deployment, target: str) -> None:
    # Given uploads whose parts S3 no longer has, as after 14 days
    deployment.add_workflow(SCAN)
    process(deployment)
    named = {"dag": {"dag_id": DAG_ID}, "task": {"task_id": deployment.task_ids[0]}}[target]
    plans = [begin_upload(deployment, **named) for _ in range(3)]
    s3 = boto3.client("s3")
    for each in s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]:
        s3.abort_multipart_upload(Bucket=BUCKET, Key=each["Key"], UploadId=each["UploadId"])

    # Then who asks, who completes and who aborts hears it
    looked, completed, aborted = (f"/uploads/{plan['upload_id']}/" for plan in plans)
    shown = deployment.call("get_upload", "GET", looked)
    body = {"parts": [{"part_number": 1, "etag": "a"}]}
    refused = deployment.call("complete_upload", "POST", f"{completed}complete/", body)
    assert json.loads(shown["body"])["state"] == "ABORTED"
    assert refused["statusCode"] == 409
    assert deployment.call("abort_upload", "DELETE", aborted)["statusCode"] == 200


@pytest.mark.parametrize("target", ["dag", "task"])
def test_upload_goes_on_with_urls_of_missing_parts(deployment: Deployment, target: str) -> None:
    deployment.add_workflow(SCAN)
    process(deployment)
    named = {"dag": {"dag_id": DAG_ID}, "task": {"task_id": deployment.task_ids[0]}}[target]
    plan = begin_upload(deployment, **named)

    shown = deployment.call("get_upload", "GET", f"/uploads/{plan['upload_id']}/")

    assert [part["part_number"] for part in json.loads(shown["body"])["parts"]] == [1]
    assert end_upload(deployment, json.loads(shown["body"]) | plan) == 200


def test_results_start_the_task_that_takes_them(deployment: Deployment) -> None:
    # Given a scan, its reconstruction, and a DAG that takes the image
    deployment.add_workflow(SCAN, RECONSTRUCTION, PROCESSING)
    scan(deployment)
    [first] = deployment.airflow.runs.values()
    key = f"{first['conf']['output_prefix']}/image.dcm"
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"image")

    # When the reconstruction reports it
    results = {"success": True, "results": [{"type": "DICOM", "key": key}]}
    assert deployment.call_back(first["conf"], results) == 200
    deployment.drain_queue()

    # Then the image is the input of the next run
    [second] = [run for run in deployment.airflow.runs.values() if run is not first]
    assert second["conf"]["key"] == key
    assert shown_states(deployment) == ["COMPLETED", "COMPLETED", "IN_PROGRESS"]


def test_new_data_of_a_rescan_stops_the_reconstruction_that_goes_on(
    deployment: Deployment,
) -> None:
    deployment.add_workflow(SCAN, RECONSTRUCTION)
    scan(deployment)
    [run_id] = deployment.airflow.runs
    forget_logins()

    path = f"/workflows/{deployment.workflow_id}/tasks/{deployment.task_ids[0]}/retry/"
    query = "?expected_attempt=1"
    for _ in range(2):
        assert deployment.call("retry_task", "POST", path + query)["statusCode"] == 200
    refused = deployment.call("retry_task", "POST", f"{path}?expected_attempt=0")
    assert (refused["statusCode"], json.loads(refused["body"])["attempt"]) == (409, 2)
    deployment.drain_queue("follow_changes")
    assert deployment.airflow.run_states.get(run_id, {}).get("state") != "failed"
    assert end_upload(deployment, begin_upload(deployment, task_id=deployment.task_ids[0])) == 200
    deployment.drain_queue()

    assert deployment.airflow.run_states[run_id]["state"] == "failed"
    assert len(deployment.airflow.runs) == 2
    assert shown_states(deployment) == ["COMPLETED", "IN_PROGRESS"]


def test_simulated_tasks_follow_each_other(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given steps that follow at once: moto would hold delayed messages back
    monkeypatch.setattr(simulate_reconstruction, "SIMULATION_STEP_S", 0)
    monkeypatch.setattr(start_dag_run, "SIMULATION_STEP_S", 0)
    behind = TaskSpec(type=TaskType.PROCESSING_TASK, args=SIMULATION.args)
    deployment.add_workflow(SIMULATION, behind)

    process(deployment)
    for _ in deployment.task_ids:
        deployment.drain_queue()
        deployment.drain_queue("simulate_reconstruction")

    assert shown_states(deployment) == ["COMPLETED", "COMPLETED"]
    assert deployment.airflow.runs == {}


def pass_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whatever waits be due."""
    at = datetime.now(UTC) + timedelta(minutes=10)
    later = Cause(actor="reconcile_runs", request_id="r", at=at)
    module = importlib.import_module("functions.reconcile_runs.app")
    monkeypatch.setattr(module, "event_cause", lambda *_: later)
    monkeypatch.setitem(PORTS, "clock", lambda: lambda: later.at)


def test_reconciler_finds_what_a_lost_callback_would_have_told(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.add_workflow(SCAN, RECONSTRUCTION, PROCESSING)
    scan(deployment)
    [(run_id, run)] = deployment.airflow.runs.items()
    key = f"{run['conf']['output_prefix']}/image.dcm"
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"image")
    ended = {"state": "success", "end_date": datetime.now(UTC).isoformat()}
    deployment.airflow.run_states[run_id] = ended

    pass_time(monkeypatch)
    deployment.invoke("reconcile_runs", {})

    assert shown_states(deployment) == ["COMPLETED", "COMPLETED", "IN_PROGRESS"]


def test_reconciler_queues_again_what_airflow_did_not_take(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a run that waits for an Airflow that is away
    deployment.add_workflow(SCAN, RECONSTRUCTION)
    away = WireFault("airflow", "POST", "/dagRuns", "refused")
    deployment.wire.faults.append(away)
    scan(deployment)
    assert deployment.airflow.runs == {}

    # When it is back and the reconciler has its turn
    deployment.wire.faults.clear()
    pass_time(monkeypatch)
    deployment.invoke("reconcile_runs", {})
    deployment.drain_queue()

    assert len(deployment.airflow.runs) == 1


def test_cancel_of_a_run_starts_a_task_that_has_been_held_back(deployment: Deployment) -> None:
    # Given two tasks that need nobody's data, of which one was started, step by step
    free = PROCESSING.model_copy(update={"args": {"input_task_ids": "[]"}})
    deployment.add_workflow(free, free)
    path = f"/process/{deployment.workflow_id}/?auto_advance=false"
    assert deployment.call("process_workflow", "POST", path)["statusCode"] == 200
    store = PORTS["store"]()
    execution = store.get_execution(deployment.workflow_id)
    # When the workflow may go on by itself again, and the run of the first is cancelled
    store.commit([execution.graph.workflow.evolve(auto_advance=True)])
    run_id = execution.graph.tasks[deployment.task_ids[0]].dag_run_id
    assert (
        deployment.call("cancel_dag_run", "POST", f"/dag_runs/{run_id}/cancel/")["statusCode"]
        == 200
    )
    deployment.drain_queue()

    # Then the second one has started
    assert shown_states(deployment) == ["CANCELLED", "IN_PROGRESS"]
    assert len(deployment.airflow.runs) == 1


def test_upload_for_a_task_that_was_added_takes_over_the_end_of_another(
    deployment: Deployment,
) -> None:
    # Given a scan that is over, and another one that was added since
    deployment.add_workflow(SCAN)
    process(deployment)
    path = f"/api/v1/exam/task/{deployment.task_ids[0]}"
    task = deployment.scanhub.get(path).raise_for_status().json()
    over = task | {"status": "FINISHED", "progress": 100}
    deployment.scanhub.put(path, json=over).raise_for_status()
    fresh = {name: value for name, value in task.items() if name not in GIVEN_BY_EXAM_MANAGER}
    fresh |= {"status": "NEW", "progress": 0}
    added = deployment.scanhub.post("/api/v1/exam/task/new", json=fresh).raise_for_status().json()

    begin_upload(deployment, task_id=added["id"])
    deployment.drain_queue("follow_changes")

    assert shown_states(deployment) == ["COMPLETED", "PENDING"]
    assert deployment.scanhub.get(path).json()["status"] == "FINISHED"


def test_report_that_exam_manager_refuses_is_left_to_the_reconciler(deployment: Deployment) -> None:
    deployment.add_workflow(SCAN)
    process(deployment)
    fault = {"service": "exam-manager", "method": "PUT", "path_contains": "task", "kind": "status"}
    deployment.stand_in.faults.add(Fault.model_validate(fault | {"status": 500}))

    path = f"/workflows/{deployment.workflow_id}/cancel/"
    assert deployment.call("cancel_workflow", "POST", path)["statusCode"] == 200
    deployment.drain_queue("follow_changes")

    task = PORTS["store"]().get_task(deployment.workflow_id, deployment.task_ids[0])
    assert task.report_retry_at is not None


def test_result_that_exam_manager_refuses_ends_the_task_and_is_on_the_trail(
    deployment: Deployment,
) -> None:
    deployment.add_workflow(SCAN, RECONSTRUCTION)
    scan(deployment)
    [run] = deployment.airflow.runs.values()
    key = f"{run['conf']['output_prefix']}/image.dcm"
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"image")
    fault = {"service": "exam-manager", "method": "POST", "path_contains": "result"}
    refusal = {"kind": "status", "status": 400, "detail": "Parent (task_id) does not exist."}
    deployment.stand_in.faults.add(Fault.model_validate(fault | refusal))

    results = {"success": True, "results": [{"type": "DICOM", "key": key}]}
    assert deployment.call_back(run["conf"], results) == 200
    deployment.drain_queue("follow_changes")

    assert shown_states(deployment) == ["COMPLETED", "COMPLETED"]
    events = PORTS["store"]().list_events(f"workflow:{deployment.workflow_id}")
    assert "Exam-manager refuses a result of type DICOM." in [event.reason for event in events]
