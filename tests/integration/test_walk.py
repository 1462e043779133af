"""The walk from scan to result through the real handlers and adapters, in one process.

AWS is moto, Airflow answers from memory over HTTP, ScanHub is the served stand-in.
"""

import importlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from local.scanhub.app import Settings as ScanHubSettings
from local.scanhub.app import make_app, make_stand_in
from local.scanhub.seed import SERVICE_PASSWORD, SERVICE_USERNAME
from local.scanhub.server import make_server, open_socket
from tests.fakes.airflow import FakeAirflow
from tests.fakes.lambda_context import FakeLambdaContext
from tests.integration.conftest import create_table
from workflow_manager import settings, wiring

DAG_ID = "cartesian_reconstruction"
BUCKET = "data-lake"
PATIENT_WORDS = ("birth_date", "MALE", "patient_height")


@dataclass
class Deployment:
    """Everything that was deployed."""

    scanhub: httpx.Client
    airflow: FakeAirflow
    token: str
    workflow_id: str
    task_ids: list[str]

    def call(self, function: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        event = {
            "path": f"/v1/workflowmanager{path}",
            "httpMethod": method,
            "headers": {
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "Host": "api.test",
            },
            "queryStringParameters": None,
            "requestContext": {
                "requestId": "r",
                "path": f"/api/v1/workflowmanager{path}",
                "domainName": "api.test",
                "identity": {"sourceIp": "203.0.113.7"},
                "authorizer": {"principalId": "operator"},
            },
            "resource": path,
            "body": json.dumps(body) if body is not None else None,
            "isBase64Encoded": False,
        }
        return self._invoke(function, event)

    def call_back(self, conf: dict[str, Any], body: Any) -> int:
        self.token, users_token = conf["user_token"], self.token
        answer = self.call("receive_results", "POST", "/results_ready/", body)
        self.token = users_token
        return int(answer["statusCode"])

    def drain_queue(self) -> None:
        """Hand every message to `trigger_airflow`, as the event source does."""
        sqs = boto3.client("sqs")
        queue_url = settings.get_settings().queue_url
        while messages := sqs.receive_message(QueueUrl=queue_url).get("Messages"):
            for message in messages:
                record = {
                    "messageId": message["MessageId"],
                    "body": message["Body"],
                    "eventSource": "aws:sqs",
                }
                answer = self._invoke("trigger_airflow", {"Records": [record]})
                assert answer == {"batchItemFailures": []}
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])

    def _invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        module = importlib.import_module(f"functions.{function}.app")
        return dict(module.lambda_handler(event, FakeLambdaContext()))


@pytest.fixture
def scanhub(tmp_path: Path) -> Iterator[httpx.Client]:
    listener = open_socket(0)
    address = f"127.0.0.1:{listener.getsockname()[1]}"

    def acquire(path: Path) -> None:
        path.write_bytes(b"raw data")

    stand_in = make_stand_in(
        ScanHubSettings(
            address=address,
            workflow_manager_url="http://workflow-manager.invalid",
            scan_duration_s=0.0,
            acquire=acquire,
            transport=httpx.MockTransport(lambda _: httpx.Response(503)),
        )
    )
    server = make_server(make_app(stand_in))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    with httpx.Client(base_url=f"http://{address}", trust_env=False) as client:
        yield client
    server.should_exit = True
    thread.join()


@pytest.fixture
def deployment(scanhub: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    airflow = FakeAirflow()
    airflow.dag_ids.append(DAG_ID)
    for name, value in create_resources(str(scanhub.base_url)).items():
        monkeypatch.setenv(name, value)
    clear_caches()
    client = httpx.Client(
        timeout=3, mounts={"http://airflow.test": httpx.MockTransport(airflow.handle)}
    )
    monkeypatch.setattr(wiring, "_http_client", lambda: client)
    seed = scanhub.get("/_control/seed").json()
    form = {"username": seed["username"], "password": seed["password"]}
    login = scanhub.post("/api/v1/userlogin/login", data=form).json()
    scanhub.headers["Authorization"] = f"Bearer {login['access_token']}"
    yield Deployment(
        scanhub, airflow, login["access_token"], seed["workflow_id"], list(seed["task_ids"])
    )
    client.close()
    clear_caches()


def clear_caches() -> None:
    cached = (wiring._aws_client, wiring._s3_client, wiring._orchestrator)
    for function in (settings.get_settings, wiring._service_account_auth, *cached):
        function.cache_clear()


def create_resources(scanhub_url: str) -> dict[str, str]:
    create_table(boto3.client("dynamodb"), "state")
    sqs = boto3.client("sqs")
    queue_url = sqs.create_queue(QueueName="events")["QueueUrl"]
    s3 = boto3.client("s3")
    location: Any = {"LocationConstraint": s3.meta.region_name}
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    queue_arn = f"arn:aws:sqs:{s3.meta.region_name}:123456789012:events"
    configuration: Any = {"QueueArn": queue_arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [configuration]}
    )
    secrets = boto3.client("secretsmanager")
    service = json.dumps({"username": SERVICE_USERNAME, "password": SERVICE_PASSWORD})
    airflow = json.dumps({"username": "service", "password": "secret-password"})
    names = "USER_LOGIN EXAM PATIENT SEQUENCE DEVICE".split()
    return {
        "TABLE_NAME": "state",
        "BUCKET_NAME": BUCKET,
        "QUEUE_URL": queue_url,
        "AIRFLOW_URL": "http://airflow.test",
        "AIRFLOW_SECRET_ARN": secrets.create_secret(Name="a", SecretString=airflow)["ARN"],
        "SERVICE_ACCOUNT_SECRET_ARN": secrets.create_secret(Name="s", SecretString=service)["ARN"],
        "WORKFLOW_MANAGER_URL": "http://api.test/api/v1/workflowmanager",
        "DEVICE_NETWORKS": "127.0.0.0/8",
    } | {f"{name}_MANAGER_URI": scanhub_url.rstrip("/") for name in names}


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

    # Then the workflow is completed, once, and exam-manager knows
    shown = deployment.call("get_workflow", "GET", f"/workflows/{deployment.workflow_id}/")
    workflow = json.loads(shown["body"])
    told = deployment.scanhub.get(f"/api/v1/exam/task/{reconstruction_id}").json()
    assert workflow["status"] == "completed"
    assert len(deployment.airflow.runs) == 1
    assert (told["status"], told["progress"]) == ("FINISHED", 100)
    assert [result["filename"] for result in told["results"]] == ["image.dcm"]
    assert told["results"][0]["directory"] == f"s3://{BUCKET}/{conf['output_prefix']}"


def test_walk_leaves_no_token_and_no_patient_data_behind(deployment: Deployment) -> None:
    deployment.call("process_workflow", "POST", f"/process/{deployment.workflow_id}/")
    upload = {"task_id": deployment.task_ids[0], "file_name": "Jane Doe.h5", "size_bytes": 4}
    plan = json.loads(deployment.call("create_upload", "POST", "/uploads/", upload)["body"])
    put_part(plan)

    items = boto3.client("dynamodb").scan(TableName="state")["Items"]
    kept = json.dumps([item for item in items if not item["PK"]["S"].startswith("UPLOAD#")])

    assert deployment.token not in json.dumps(items)
    for word in (*PATIENT_WORDS, "Jane"):
        assert word not in kept


def test_reconcile_runs_notes_that_airflow_is_not_healthy(deployment: Deployment) -> None:
    module = importlib.import_module("functions.reconcile_runs.app")
    deployment.airflow.health["scheduler"] = {"status": "unhealthy"}

    assert module.lambda_handler({}, FakeLambdaContext()) == {"n_reconciled": 0}

    answer = deployment.call("check_readiness", "GET", "/health/readiness")
    assert json.loads(answer["body"]) == {"status": "ok", "degraded": ["airflow"]}


def put_part(plan: dict[str, Any]) -> str:
    [part] = plan["parts"]
    # moto serves S3 to boto3 only, so the URL's part is put by the same words.
    query = dict(httpx.URL(part["url"]).params)
    key = httpx.URL(part["url"]).path.removeprefix(f"/{BUCKET}").lstrip("/")
    answer = boto3.client("s3").upload_part(
        Bucket=BUCKET, Key=key, UploadId=query["uploadId"], PartNumber=1, Body=b"data"
    )
    return str(answer["ETag"])
