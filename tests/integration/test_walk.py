"""The walk from scan to result through the real handlers and adapters."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import httpx
import pytest

from local.scanhub import CONTRACTS, DEFAULT_CONTRACT
from scanhub_dag import RunError, report_failure
from tests.fakes.log import capture_log, read_log
from tests.integration.deployment import BUCKET, DAG_ID, TABLE, Deployment, deploy, put_part
from tests.integration.patient import PATIENT_WORDS

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FORBIDDEN_WORDS = (*PATIENT_WORDS, "birth_date", "patient_height", "Jane")


in_both_contracts = pytest.mark.parametrize("deployment", CONTRACTS, indirect=True)


@pytest.fixture
def deployment(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    with deploy(getattr(request, "param", DEFAULT_CONTRACT)) as deployment:
        yield deployment


@in_both_contracts
def test_walk_from_scan_to_result(deployment: Deployment) -> None:
    # Given a started scan
    started = deployment.call("process_workflow", "POST", f"/process/{deployment.workflow_id}/")
    assert json.loads(started["body"])["is_started"]
    [scan_id, reconstruction_id] = deployment.task_ids

    # When its raw data arrives, twice, and the DAG calls back
    upload = {"task_id": scan_id, "file_name": "Jane Doe.h5", "size_bytes": 4}
    plan = json.loads(deployment.call("create_upload", "POST", "/uploads/", upload)["body"])
    etag = put_part(plan)
    body = {"parts": [{"part_number": 1, "etag": etag}]}
    path = f"/uploads/{plan['upload_id']}/complete/"
    assert deployment.call("complete_upload", "POST", path, body)["statusCode"] == 200
    deployment.drain_queue()
    [run] = deployment.airflow.runs.values()
    conf = run["conf"]
    key = f"{conf['output_prefix']}/image.dcm"
    results = {"success": True, "results": [{"type": "DICOM", "key": key}]}
    assert deployment.call_back(conf, results) == 200
    deployment.drain_queue("follow_changes")

    # Then the workflow is completed, once, and exam-manager knows
    shown = deployment.call("get_workflow", "GET", f"/workflows/{deployment.workflow_id}/")
    workflow = json.loads(shown["body"])
    told = deployment.scanhub.get(f"/api/v1/exam/task/{reconstruction_id}").json()
    assert workflow["status"] == "completed"
    assert len(deployment.airflow.runs) == 1
    assert (told["status"], told["progress"]) == ("FINISHED", 100)
    [result] = told["results"]
    assert result.get("files", [result.get("filename")]) == ["image.dcm"]
    assert result["directory"].removesuffix("/") == f"s3://{BUCKET}/{conf['output_prefix']}"


def test_walk_has_one_trace(deployment: Deployment) -> None:
    # Given a scan; when its raw data is uploaded in a trace, and the DAG calls back
    deployment.call("process_workflow", "POST", f"/process/{deployment.workflow_id}/")
    with capture_log() as log:
        traced = {"traceparent": TRACEPARENT}
        upload = {"task_id": deployment.task_ids[0], "file_name": "a.h5", "size_bytes": 4}
        answer = deployment.call("create_upload", "POST", "/uploads/", upload, traced)
        plan = json.loads(answer["body"])
        body = {"parts": [{"part_number": 1, "etag": put_part(plan)}]}
        path = f"/uploads/{plan['upload_id']}/complete/"
        deployment.call("complete_upload", "POST", path, body)
        deployment.drain_queue()
        [run] = deployment.airflow.runs.values()
        sent = call_back_from_dag(deployment, run["conf"])

    # Then object, run, conf, callback and log name it
    head = boto3.client("s3").head_object(Bucket=BUCKET, Key=run["conf"]["key"])
    items = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]
    [item] = [item for item in items if item["SK"]["S"] == "DAGRUN"]
    lines = [line for line in read_log(log) if "dag_run_id" in line]
    assert head["Metadata"] == {"traceparent": TRACEPARENT}
    assert item["traceparent"] == {"S": TRACEPARENT}
    assert run["conf"]["traceparent"] == TRACEPARENT
    assert sent.headers["traceparent"] == TRACEPARENT
    assert [line["message"] for line in lines] == ["DAG run started", "DAG run finished"]
    assert {line["trace_id"] for line in lines} == {TRACEPARENT.split("-")[1]}


def call_back_from_dag(deployment: Deployment, conf: dict[str, Any]) -> httpx.Request:
    """Let the DAGs' own code report a failure; return what it has sent."""
    sent: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        body, headers = json.loads(request.content), dict(request.headers)
        path = "/results_ready/"
        answer = deployment.call("receive_results", "POST", path, body, headers, actor=None)
        return httpx.Response(answer["statusCode"])

    transport = httpx.MockTransport(serve)
    dag_run = SimpleNamespace(conf=conf, dag_id=DAG_ID)
    context = {"dag_run": dag_run, "exception": RunError("The file is empty.")}
    report_failure(context, transport=transport)
    [request] = sent
    return request


@in_both_contracts
def test_walk_leaves_no_token_and_no_patient_data_behind(deployment: Deployment) -> None:
    deployment.call("process_workflow", "POST", f"/process/{deployment.workflow_id}/")
    upload = {"task_id": deployment.task_ids[0], "file_name": "Jane Doe.h5", "size_bytes": 4}
    plan = json.loads(deployment.call("create_upload", "POST", "/uploads/", upload)["body"])
    put_part(plan)

    items = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]
    kept = json.dumps([item for item in items if not item["PK"]["S"].startswith("UPLOAD#")])

    assert deployment.token not in json.dumps(items)
    for word in FORBIDDEN_WORDS:
        assert word not in kept


def test_reconcile_runs_notes_that_airflow_is_not_healthy(deployment: Deployment) -> None:
    deployment.airflow.health["scheduler"] = {"status": "unhealthy"}

    assert deployment.invoke("reconcile_runs", {}) == {"n_reconciled": 0}

    answer = deployment.call("check_readiness", "GET", "/health/readiness")
    assert json.loads(answer["body"]) == {"status": "ok", "degraded": ["airflow"]}
