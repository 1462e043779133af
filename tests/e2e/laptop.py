"""The running laptop stack as the tests see it: its API, its AWS, its Airflow, its neighbours."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote_plus
from uuid import uuid4

import httpx
import pytest

from local import airflow
from local.aws import make_client
from local.config import DAG_ID, StackConfig
from local.stack import Stack
from scanhub_workflow import Client

POLL_S = 0.2
# A start that SQLite refused is tried again after half a minute, at the reconciler's next turn.
RUN_TIMEOUT_S = 180.0
ALIAS = "live"
CALL_TIMEOUT_S = 60.0
Json = dict[str, Any]
Found = TypeVar("Found")


def wait_until(
    read: Callable[[], Found | None], what: str, timeout_s: float = RUN_TIMEOUT_S
) -> Found:
    """Return what `read` returns once it is something true; fail the test if it never is."""
    deadline = time.monotonic() + timeout_s
    while True:
        if found := read():
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"After {timeout_s:.0f} s: still waiting for {what}.")
        time.sleep(POLL_S)


def connect_client(stack: Stack, transport: httpx.BaseTransport | None = None) -> Client:
    """Return the client library as the operator; ``transport`` leads to the API."""
    return Client(
        stack.api_url,
        stack.token,
        # Loopback only: a proxy of the environment must not come in between.
        transport=transport or httpx.HTTPTransport(trust_env=False),
        storage_transport=httpx.HTTPTransport(trust_env=False),
    )


@dataclass(frozen=True)
class Laptop:
    """Clients of a running stack.

    Parameters
    ----------
    api
        The API as the operator.
    client
        The same through the client library.
    anonymous
        The API without a token.
    scanhub
        ScanHub's neighbours and the stand-in's own control API, as the operator.
    airflow
        Airflow's REST API, logged in.
    plain
        Without a base URL or a token, for presigned URLs.
    s3, sqs, dynamodb, functions
        boto3 clients; `functions` is Lambda's.
    """

    config: StackConfig
    stack: Stack
    api: httpx.Client
    client: Client
    anonymous: httpx.Client
    scanhub: httpx.Client
    airflow: httpx.Client
    plain: httpx.Client
    s3: Any
    sqs: Any
    dynamodb: Any
    functions: Any

    @classmethod
    @contextmanager
    def connect(cls, config: StackConfig, stack: Stack) -> Iterator["Laptop"]:
        """Log in everywhere, and close every connection in the end."""
        as_operator = {"Authorization": f"Bearer {stack.token}"}
        airflow_token = airflow.log_in(config, stack.airflow_password)
        as_airflow_user = {"Authorization": f"Bearer {airflow_token}"}
        with ExitStack() as opened:

            def open_client(base_url: str, headers: dict[str, str]) -> httpx.Client:
                # Loopback only: a proxy of the environment must not come in between.
                client = httpx.Client(
                    base_url=base_url, headers=headers, timeout=CALL_TIMEOUT_S, trust_env=False
                )
                return opened.enter_context(client)

            aws = {}
            for service in ("s3", "sqs", "dynamodb", "lambda"):
                aws[service] = make_client(config, service)
                opened.callback(aws[service].close)
            yield cls(
                config=config,
                stack=stack,
                api=open_client(stack.api_url, as_operator),
                client=opened.enter_context(connect_client(stack)),
                anonymous=open_client(stack.api_url, {}),
                scanhub=open_client(stack.scanhub_url, as_operator),
                airflow=open_client(f"{stack.airflow_url}/api/v2", as_airflow_user),
                plain=open_client("", {}),
                s3=aws["s3"],
                sqs=aws["sqs"],
                dynamodb=aws["dynamodb"],
                functions=aws["lambda"],
            )

    # ------------------------------------------------------------------ ScanHub's neighbours

    def make_workflow(self, *tasks: Json) -> Json:
        """Return the ids of a fresh workflow on a scanner of its own: no other scan is in its way.

        Returns
        -------
        Json
            ``workflow_id`` and ``task_ids``: those of the tasks, by default the device task, then
            the reconstruction.
        """
        device_id = f"scanner-{uuid4().hex[:8]}"
        self.scanhub.post("/_control/devices", json={"id": device_id}).raise_for_status()
        workflow = {"device_id": device_id, "tasks": tasks or None}
        answer = self.scanhub.post("/_control/workflows", json=workflow)
        return dict(answer.raise_for_status().json())

    def define_workflow(self, *tasks: Json) -> Json:
        """Return the ids of a fresh workflow of these tasks, as `make_workflow` does."""
        answer = self.scanhub.post("/_control/workflows", json={"tasks": tasks})
        return dict(answer.raise_for_status().json())

    def switch_fault_on(self, service: str, kind: str, **options: Any) -> None:
        """Let a neighbour fail, until the end of the test or for ``times`` calls."""
        fault = {"service": service, "kind": kind, **options}
        self.scanhub.post("/_control/faults", json=fault).raise_for_status()

    def clear_faults(self) -> None:
        """Let all neighbours work again."""
        self.scanhub.delete("/_control/faults").raise_for_status()

    def set_scan_duration(self, duration_s: float | None = None) -> float:
        """Set how long a scan takes [s]; return what is set."""
        answer = self.scanhub.put("/_control/scanner", json={"scan_duration_s": duration_s})
        return float(answer.raise_for_status().json()["scan_duration_s"])

    def get_scan(self, task_id: str) -> Json | None:
        """Return what happened to the scan of a task, or None if it was never started."""
        scans = self.scanhub.get("/_control/scans").raise_for_status().json()
        scan: Json | None = scans.get(task_id)
        return scan

    def wait_for_scan(self, task_id: str) -> Json:
        """Return the scan of a task once the scanner is done with it."""

        def read() -> Json | None:
            scan = self.get_scan(task_id)
            return scan if scan and scan["state"] in {"finished", "failed"} else None

        return wait_until(read, f"the end of the scan of task {task_id}")

    def get_exam_task(self, task_id: str) -> Json:
        """Return a task as exam-manager has it."""
        return dict(self.scanhub.get(f"/api/v1/exam/task/{task_id}").raise_for_status().json())

    # ---------------------------------------------------------------------------- our API

    def process(self, workflow_id: str) -> httpx.Response:
        """Process a workflow as the operator."""
        return self.api.post(f"/process/{workflow_id}/")

    def get_workflow(self, workflow_id: str) -> Json:
        """Return a workflow as the API shows it."""
        return dict(self.api.get(f"/workflows/{workflow_id}/").raise_for_status().json())

    def wait_for_workflow(
        self, workflow_id: str, status: str, *, may_fail_first: bool = False
    ) -> Json:
        """Return a workflow once it has ended; fail unless it ended as expected."""
        ends = {status} if may_fail_first else {"completed", "failed", "cancelled"}

        def read() -> Json | None:
            workflow = self.get_workflow(workflow_id)
            return workflow if workflow["status"] in ends else None

        workflow = wait_until(read, f"the end of workflow {workflow_id}")
        assert workflow["status"] == status, [task["reason"] for task in workflow["tasks"]]
        return workflow

    def find_run(self, dag_run_id: str) -> Json | None:
        """Return a run as the API shows it, or None as long as there is none."""
        # Airflow is not asked each time: polled often, its SQLite would stall.
        answer = self.api.get(f"/dag_runs/{dag_run_id}/", params={"task_instances": "false"})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return dict(answer.raise_for_status().json())

    def wait_for_run(self, dag_run_id: str, state: str) -> Json:
        """Return a run once it has ended; fail unless it ended as expected."""

        def read() -> Json | None:
            run = self.find_run(dag_run_id)
            return run if run and run["state"] in {"SUCCEEDED", "FAILED"} else None

        run = wait_until(read, f"the end of run {dag_run_id}")
        assert run["state"] == state, run["reason"]
        return run

    def upload_and_trigger(
        self, body: bytes, file_name: str = "raw.npy", dag_id: str = DAG_ID
    ) -> httpx.Response:
        """Send a small file in the request itself."""
        files = {"file": (file_name, body)}
        return self.api.post(f"/upload_and_trigger/{dag_id}/", files=files)

    def upload(self, path: Path, dag_id: str = DAG_ID) -> str:
        """Upload a file by the client library; return the id of its run."""
        return str(self.client.upload(path, dag_id=dag_id).dag_run_id)

    def resume(self, path: Path, upload_id: str) -> str:
        """Send what is missing of an upload, complete it, and return its run's id."""
        return str(self.client.upload(path, resume=upload_id).dag_run_id)

    def send_part(self, path: Path, upload: Json, number: int) -> None:
        """Send one part by hand, as a client does that goes no further."""
        [part] = [part for part in upload["parts"] if part["part_number"] == number]
        with path.open("rb") as file:
            file.seek((number - 1) * upload["part_size_bytes"])
            content = file.read(part["size_bytes"])
        self.plain.put(part["url"], content=content).raise_for_status()

    # ---------------------------------------------------------------------------- Airflow

    def list_airflow_runs(self, dag_id: str = DAG_ID) -> list[Json]:
        """Return all runs that Airflow knows of a DAG."""
        params: dict[str, str | int] = {"limit": 100, "order_by": "-run_after"}
        runs: list[Json] = []
        while True:
            answer = self.airflow.get(
                f"/dags/{dag_id}/dagRuns", params=params | {"offset": len(runs)}
            )
            page = answer.raise_for_status().json()
            runs += page["dag_runs"]
            if not page["dag_runs"] or len(runs) >= page["total_entries"]:
                return runs

    def list_airflow_runs_of(self, key: str) -> list[Json]:
        """Return the runs that Airflow was given for one object."""
        return [run for run in self.list_airflow_runs() if run["conf"].get("key") == key]

    # -------------------------------------------------------------------------------- AWS

    def find_function(self, logical_id: str) -> str:
        """Return the name of a deployed function."""
        pages = self.functions.get_paginator("list_functions").paginate()
        names = [item["FunctionName"] for page in pages for item in page["Functions"]]
        return next(str(name) for name in names if logical_id in name)

    @contextmanager
    def changed_environ(self, logical_id: str, **changes: str) -> Iterator[None]:
        """Let a function run with other variables for a while."""
        name = self.find_function(logical_id)
        alias = {"FunctionName": name, "Name": ALIAS}
        before = self.functions.get_function_configuration(FunctionName=name)["Environment"]
        version = self.functions.get_alias(**alias)["FunctionVersion"]
        changed = {"Variables": before["Variables"] | changes}
        self.functions.update_function_configuration(FunctionName=name, Environment=changed)
        # All callers know the alias, which stays with its version.
        published = self.functions.publish_version(FunctionName=name)["Version"]
        self.functions.update_alias(**alias, FunctionVersion=published)
        try:
            yield
        finally:
            self.functions.update_function_configuration(FunctionName=name, Environment=before)
            self.functions.update_alias(**alias, FunctionVersion=version)

    def reconcile(self) -> int:
        """Let the reconciler take a turn now; return how many items it looked at."""
        name = self.find_function("ReconcileRunsFunction")
        answer = self.functions.invoke(FunctionName=name, Qualifier=ALIAS, Payload=b"{}")
        content = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, content
        return int(content["n_reconciled"])

    def send_object_created(self, key: str, version_id: str, size: int, *, times: int) -> None:
        """Send S3's event for an object version to the queue, several times over."""
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": self.stack.region,
            "eventTime": datetime.now(UTC).isoformat(),
            "eventName": "ObjectCreated:Put",
            "s3": {
                "s3SchemaVersion": "1.0",
                "bucket": {"name": self.stack.bucket},
                # S3 encodes keys in its events as forms do.
                "object": {
                    "key": quote_plus(key, safe="/"),
                    "size": size,
                    "versionId": version_id,
                },
            },
        }
        body = json.dumps({"Records": [record]})
        for _ in range(times):
            self.sqs.send_message(QueueUrl=self.stack.queue_url, MessageBody=body)

    def count_messages(self, queue_url: str) -> int:
        """Return how many messages a queue holds, those being handled included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def wait_for_empty_queue(self) -> None:
        """Return once every message has been handled."""

        def is_empty() -> bool:
            return self.count_messages(self.stack.queue_url) == 0

        wait_until(is_empty, "the last message of the queue to be handled")

    def read_run_item(self, dag_run_id: str) -> Json:
        """Return the item of a run, as DynamoDB holds it."""
        answer = self.dynamodb.get_item(
            TableName=self.stack.table, Key=_run_key(dag_run_id), ConsistentRead=True
        )
        return dict(answer["Item"])

    def let_retry_be_due(self, dag_run_id: str) -> None:
        """Make the time pass until a pending run is tried again: back-off and lease end now."""
        past = datetime.now(UTC) - timedelta(seconds=1)
        # It may have started in this very moment.
        with suppress(self.dynamodb.exceptions.ConditionalCheckFailedException):
            self.dynamodb.update_item(
                TableName=self.stack.table,
                Key=_run_key(dag_run_id),
                UpdateExpression="SET next_attempt_at = :past, due_at = :past, "
                "start_lease_until = :past",
                ConditionExpression="#state = :pending",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={
                    ":past": {"S": past.isoformat(timespec="milliseconds")},
                    ":pending": {"S": "PENDING"},
                },
            )

    def make_older(self, dag_run_id: str, age: timedelta) -> None:
        """Let a run have been made so long ago."""
        made_at = datetime.now(UTC) - age
        self.dynamodb.update_item(
            TableName=self.stack.table,
            Key=_run_key(dag_run_id),
            UpdateExpression="SET created_at = :made",
            ExpressionAttributeValues={":made": {"S": made_at.isoformat()}},
        )

    def scan_table(self) -> list[Json]:
        """Return every item of the table, as DynamoDB holds it."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.stack.table)
        return [item for page in pages for item in page["Items"]]

    def list_objects(self) -> list[Json]:
        """Return every object version of the data lake."""
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.stack.bucket)
        return [version for page in pages for version in page.get("Versions", [])]

    def read_object(self, key: str) -> bytes:
        """Return the content of an object."""
        content: bytes = self.s3.get_object(Bucket=self.stack.bucket, Key=key)["Body"].read()
        return content


def _run_key(dag_run_id: str) -> Json:
    return {"PK": {"S": f"DAGRUN#{dag_run_id}"}, "SK": {"S": "DAGRUN"}}
