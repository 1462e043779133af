"""All functions with their real adapters in one process.

AWS is moto, Airflow answers from memory over HTTP, ScanHub is the served stand-in.
"""

import base64
import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import boto3
import httpx
import pytest

from local.scanhub import CONTRACT_VARIABLE, DEFAULT_CONTRACT
from local.scanhub.app import Settings as ScanHubSettings
from local.scanhub.app import make_app, make_stand_in
from local.scanhub.dependencies import StandIn
from local.scanhub.scanner import ScanFailedError, SocketLostError
from local.scanhub.seed import DEFAULT_TASKS, SERVICE_PASSWORD, SERVICE_USERNAME, TaskSpec
from local.scanhub.server import open_socket, serve
from tests.fakes.airflow import PASSWORD, USERNAME, FakeAirflow
from tests.fakes.clients import PSEUDONYM_KEY
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.wire import AIRFLOW_URL, Wire
from tests.integration.conftest import create_table
from tests.integration.patient import seed_exam
from tests.permissions.recorder import record_as
from workflow_manager import settings, wiring
from workflow_manager.clients.http import build_http_client
from workflow_manager.contract import get_contract
from workflow_manager.ports import WorkflowStore

DAG_ID = "cartesian_reconstruction"
BUCKET = "data-lake"
TABLE = "state"
NEIGHBOURS = "USER_LOGIN EXAM PATIENT SEQUENCE DEVICE".split()


@dataclass
class Deployment:
    """Everything that was deployed, and the workflow that is spoken of."""

    scanhub: httpx.Client
    stand_in: StandIn
    airflow: FakeAirflow
    wire: Wire
    token: str
    exam_id: UUID
    workflow_id: str = ""
    task_ids: tuple[str, ...] = ()
    device_id: str = ""
    n_devices: int = 0
    store: WorkflowStore | None = None

    def add_workflow(self, *tasks: TaskSpec, is_template: bool = False) -> None:
        """Make a workflow, and a device that no other one uses."""
        self.n_devices += 1
        stand_in = self.stand_in
        self.device_id = str(stand_in.add_device(f"device-{self.n_devices}").id)
        seed = stand_in.contract.seed_workflow(
            *(stand_in.store, self.exam_id, tasks),
            device_id=self.device_id,
            is_template=is_template,
        )
        self.workflow_id = str(seed.workflow_id)
        self.task_ids = tuple(str(task_id) for task_id in seed.task_ids)

    def call(
        self,
        function: str,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str | None] | None = None,
        actor: str | None = "operator",
    ) -> dict[str, Any]:
        """Call a function as API Gateway does; None as the actor means: past its authorizer."""
        usual = {"Authorization": f"Bearer {self.token}", "Host": "api.test"}
        usual["Content-Type"] = "application/json"
        sent = {**usual, **(headers or {})}
        is_raw = isinstance(body, bytes)
        path, _, query = path.partition("?")
        text = base64.b64encode(body).decode() if is_raw else json.dumps(body)
        event = {
            "path": f"/v1/workflowmanager{path}",
            "httpMethod": method,
            "headers": {name: value for name, value in sent.items() if value is not None},
            "queryStringParameters": dict(parse_qsl(query)) or None,
            "requestContext": {
                "requestId": "r",
                "path": f"/api/v1/workflowmanager{path}",
                "domainName": "api.test",
                "identity": {"sourceIp": "203.0.113.7"},
                "authorizer": {"principalId": actor} if actor else None,
            },
            "resource": path,
            "body": text if body is not None else None,
            "isBase64Encoded": is_raw,
        }
        return self.invoke(function, event)

    def call_back(self, conf: dict[str, Any], body: Any) -> int:
        headers: dict[str, str | None] = {"Authorization": f"Bearer {conf['user_token']}"}
        path = "/results_ready/"
        answer = self.call("receive_results", "POST", path, body, headers, actor=None)
        return int(answer["statusCode"])

    def drain_queue(self, function: str = "trigger_airflow") -> None:
        """Hand every message to its function, as the event source does, and follow each change."""
        sqs, known = wiring._aws_client("sqs"), settings.get_settings()
        queue_url = {
            "trigger_airflow": known.queue_url,
            "simulate_reconstruction": known.simulation_queue_url,
            "follow_changes": known.change_queue_url,
        }[function]
        while messages := sqs.receive_message(QueueUrl=queue_url).get("Messages"):
            for message in messages:
                record = {
                    "messageId": message["MessageId"],
                    "body": message["Body"],
                    "eventSource": "aws:sqs",
                }
                assert self.invoke(function, {"Records": [record]}) == {"batchItemFailures": []}
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
                if function != "follow_changes":
                    self.drain_queue("follow_changes")

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        module = importlib.import_module(f"functions.{function}.app")
        with record_as(function):
            return dict(module.lambda_handler(event, FakeLambdaContext()))


@contextmanager
def deploy(contract: str = DEFAULT_CONTRACT) -> Iterator[Deployment]:
    """Serve ScanHub in a contract, make the resources in moto, and let the functions find them."""
    with serve_scanhub(contract) as (stand_in, client), pytest.MonkeyPatch.context() as patch:
        airflow = FakeAirflow()
        airflow.dag_ids.append(DAG_ID)
        wire = Wire(airflow)
        for name, value in create_resources(str(client.base_url)).items():
            patch.setenv(name, value)
        patch.setenv(CONTRACT_VARIABLE, contract)
        clear_caches()
        http_client = build_http_client(wire)
        patch.setattr(wiring, "_http_client", lambda: http_client)
        patch.setattr(wiring, "_unpooled_http_client", lambda: http_client)
        token = log_in(client, stand_in)
        client.headers["Authorization"] = f"Bearer {token}"
        exam_id = seed_exam(stand_in)
        deployment = Deployment(client, stand_in, airflow, wire, token, exam_id)
        deployment.add_workflow(*DEFAULT_TASKS)
        yield deployment
        http_client.close()
        clear_caches()


@contextmanager
def serve_scanhub(contract: str = DEFAULT_CONTRACT) -> Iterator[tuple[StandIn, httpx.Client]]:
    listener = open_socket(0)
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    acquire = break_off if contract == DEFAULT_CONTRACT else fall_silent
    settings = ScanHubSettings(address, contract, scan_duration_s=0.0, acquire=acquire)
    stand_in = make_stand_in(settings)
    with (
        serve(make_app(stand_in), listener),
        httpx.Client(base_url=f"http://{address}", trust_env=False) as client,
    ):
        yield stand_in, client


def break_off(path: Path) -> None:
    """End a scan before its data: here a test sends them."""
    raise ScanFailedError("The test sends the data.")


def fall_silent(path: Path) -> None:
    """The same where a device that fails tells so of its task: here it is never heard again."""
    raise SocketLostError("The test sends the data.")


def log_in(client: httpx.Client, stand_in: StandIn) -> str:
    known = stand_in.credentials
    form = {"username": known["username"], "password": known["password"]}
    return str(client.post("/api/v1/userlogin/login", data=form).json()["access_token"])


def forget_logins() -> None:
    """Let the next call read its secrets and log in again, in ScanHub and in Airflow."""
    wiring._pseudonym_key.cache_clear()
    wiring._service_account_auth.cache_clear()
    wiring._orchestrator.cache_clear()


def clear_caches() -> None:
    """Make every function cold."""
    for built in (settings.get_settings, get_contract, *wiring._KEPT):
        built.cache_clear()


def create_resources(scanhub_url: str) -> dict[str, str]:
    create_table(boto3.client("dynamodb"), TABLE)
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
    airflow = json.dumps({"username": USERNAME, "password": PASSWORD})
    return {
        "TABLE_NAME": TABLE,
        "BUCKET_NAME": BUCKET,
        "QUEUE_URL": queue_url,
        "SIMULATION_QUEUE_URL": sqs.create_queue(QueueName="simulation")["QueueUrl"],
        "CHANGE_QUEUE_URL": sqs.create_queue(
            QueueName="changes.fifo", Attributes={"FifoQueue": "true"}
        )["QueueUrl"],
        "AIRFLOW_URL": AIRFLOW_URL,
        "AIRFLOW_SECRET_ARN": secrets.create_secret(Name="a", SecretString=airflow)["ARN"],
        "SERVICE_ACCOUNT_SECRET_ARN": secrets.create_secret(Name="s", SecretString=service)["ARN"],
        "PATIENT_PSEUDONYM_SECRET_ARN": secrets.create_secret(Name="p", SecretString=PSEUDONYM_KEY)[
            "ARN"
        ],
        "WORKFLOW_MANAGER_URL": "http://api.test/api/v1/workflowmanager",
        "DEVICE_NETWORKS": "127.0.0.0/8",
    } | {f"{name}_MANAGER_URI": scanhub_url.rstrip("/") for name in NEIGHBOURS}


def put_part(plan: dict[str, Any]) -> str:
    [part] = plan["parts"]
    # moto serves S3 to boto3 only, so the URL's part is put by the same words.
    query = dict(httpx.URL(part["url"]).params)
    key = httpx.URL(part["url"]).path.removeprefix(f"/{BUCKET}").lstrip("/")
    answer = wiring._aws_client("s3").upload_part(
        Bucket=BUCKET, Key=key, UploadId=query["uploadId"], PartNumber=1, Body=b"data"
    )
    return str(answer["ETag"])
