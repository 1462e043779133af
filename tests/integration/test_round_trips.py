"""What a start waits for: each request to DynamoDB, ScanHub, Airflow and S3, seen on the wire.

What a thread of its own asks meanwhile is no wait of its own, and stands in brackets.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextvars import Context
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import boto3
import httpx
import pytest
from botocore import endpoint
from botocore.awsrequest import AWSResponse

from benchmarks.scan_walk import is_delivered
from local.scanhub.recorder import find_service
from local.scanhub.seed import DEFAULT_TASKS
from tests.fakes.aws_wire import Body
from tests.fakes.wire import AIRFLOW_URL
from tests.integration.deployment import DAG_ID, Deployment, deploy, put_part
from workflow_manager import wiring
from workflow_manager.settings import get_settings
from workflow_manager.steps import retry_on_conflict
from workflow_manager.stores import list_mark


@dataclass
class Line:
    """What was asked, in order, by the thread of the call and by those beside it."""

    in_row: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    mishap: str = ""

    def note(self, who: str) -> None:
        is_beside = threading.current_thread().name.startswith("beside")
        (self.beside if is_beside else self.in_row).append(who)

    def note_aws(self, request: Any, event_name: str, **_: Any) -> AWSResponse | None:
        _, service, operation = event_name.split(".")
        self.note({"dynamodb": "", "s3": "s3 ", "sqs": "sqs "}[service] + operation)
        if (self.mishap, operation) == ("throttled", "Query"):
            self.mishap = ""
            body = Body(b'{"__type": "com.amazon.coral.service#ThrottlingException"}')
            return AWSResponse(request.url, 400, {"x-amzn-RequestId": "1"}, body)
        if (self.mishap, operation) == ("overtaken", "TransactWriteItems"):
            self.mishap = ""
            overtake(json.loads(request.body))
        return None

    def note_http(self, request: httpx.Request) -> None:
        is_airflow = str(request.url).startswith(AIRFLOW_URL)
        service = "airflow" if is_airflow else find_service(request.url.path)
        self.note(f"{service} {request.method}")

    def clear(self) -> None:
        self.in_row.clear()
        self.beside.clear()

    def __str__(self) -> str:
        """Sum up: the requests to DynamoDB in a row and beside it, and how many others."""
        in_row = [each for each in self.in_row if " " not in each]
        beside = sorted(each for each in self.beside if " " not in each)
        n_others = len(self.in_row) + len(self.beside) - len(in_row) - len(beside)
        names = " ".join(in_row) + (f" [{' '.join(beside)}]" if beside else "")
        return f"{len(in_row)}: {re.sub('Items?|Write', '', names)}; {n_others} others"


def overtake(transaction: Any) -> None:
    """Write the workflow of a transaction that is on its way."""
    puts = [each["Put"] for each in transaction["TransactItems"]]
    [key] = [
        {name: put["Item"][name] for name in ("PK", "SK")}
        for put in puts
        if put["Item"]["SK"]["S"] == "WORKFLOW"
    ]
    # Outside of the function's call, whose role may not do that.
    Context().run(
        boto3.Session().client("dynamodb").update_item,
        TableName=puts[0]["TableName"],
        Key=key,
        UpdateExpression="ADD version :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    with deploy() as deployment:
        yield deployment


@pytest.fixture
def line(deployment: Deployment) -> Line:
    line = Line()
    for service in ("dynamodb", "s3", "sqs"):
        client = wiring._s3_client() if service == "s3" else wiring._aws_client(service)
        client.meta.events.register_first(f"before-send.{service}", line.note_aws)
    wiring._http_client().event_hooks = {"request": [line.note_http]}
    return line


def post(deployment: Deployment, function: str, path: str, body: Any = None) -> Any:
    answer = deployment.call(function, "POST", path, body)
    assert answer["statusCode"] < 300, answer
    return json.loads(answer["body"])


def process(deployment: Deployment) -> None:
    post(deployment, "process_workflow", f"/process/{deployment.workflow_id}/")


def trigger(deployment: Deployment, index: int) -> None:
    post(deployment, "trigger_task", f"/trigger_task/{deployment.task_ids[index]}/")


def upload(deployment: Deployment, target: dict[str, str]) -> None:
    """Upload raw data, so that S3's message waits."""
    known = {"file_name": "raw.h5", "size_bytes": 4}
    plan = post(deployment, "create_upload", "/uploads/", target | known)
    parts = {"parts": [{"part_number": 1, "etag": put_part(plan)}]}
    post(deployment, "complete_upload", f"/uploads/{plan['upload_id']}/complete/", parts)


def scan(deployment: Deployment) -> None:
    """Scan, and start the reconstruction."""
    process(deployment)
    upload(deployment, {"task_id": deployment.task_ids[0]})
    deployment.drain_queue()


def add_next_patient(deployment: Deployment) -> None:
    """Make another workflow for the scanner that has just scanned."""
    device_id, seed_workflow = deployment.device_id, deployment.stand_in.contract.seed_workflow
    seed = seed_workflow(
        deployment.stand_in.store, deployment.exam_id, DEFAULT_TASKS, device_id=device_id
    )
    deployment.workflow_id = str(seed.workflow_id)
    deployment.task_ids = tuple(map(str, seed.task_ids))
    get_ready(deployment)


def get_ready(deployment: Deployment) -> None:
    """Let the scanner be as after a scan whose data it has sent."""
    deployment.stand_in.add_device(deployment.device_id)


def take_message(deployment: Deployment) -> Callable[[], None]:
    """Return what hands the waiting message of a start to its function."""
    queue_url = get_settings().queue_url
    sqs = boto3.Session().client("sqs")
    found = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)["Messages"]
    for each in found:
        # On a slow machine it would be back for the next one to wait.
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=each["ReceiptHandle"])
    [body] = [each["Body"] for each in found if is_delivered(each["Body"])]
    record = {"messageId": "m", "body": body, "eventSource": "aws:sqs"}
    return lambda: check(deployment.invoke("trigger_airflow", {"Records": [record]}))


def check(answer: dict[str, Any]) -> None:
    assert answer == {"batchItemFailures": []}


def process_first(deployment: Deployment) -> Callable[[], None]:
    return lambda: process(deployment)


def process_next_patient(deployment: Deployment) -> Callable[[], None]:
    scan(deployment)
    add_next_patient(deployment)
    return lambda: process(deployment)


def process_next_scan(deployment: Deployment) -> Callable[[], None]:
    deployment.add_workflow(DEFAULT_TASKS[0], DEFAULT_TASKS[0])
    process(deployment)
    upload(deployment, {"task_id": deployment.task_ids[0]})
    deployment.drain_queue()
    get_ready(deployment)
    return lambda: process(deployment)


def trigger_scan(deployment: Deployment) -> Callable[[], None]:
    return lambda: trigger(deployment, 0)


def trigger_rescan(deployment: Deployment) -> Callable[[], None]:
    scan(deployment)
    return lambda: trigger(deployment, 0)


def trigger_dag(deployment: Deployment) -> Callable[[], None]:
    scan(deployment)
    [run] = deployment.airflow.runs.values()
    deployment.call_back(run["conf"], {"success": False, "error": "no"})
    return lambda: trigger(deployment, 1)


def start_of_object(deployment: Deployment) -> Callable[[], None]:
    upload(deployment, {"dag_id": DAG_ID})
    return take_message(deployment)


def plan_upload(deployment: Deployment) -> Callable[[], None]:
    known = {"dag_id": DAG_ID, "file_name": "raw.h5", "size_bytes": 4}
    return lambda: post(deployment, "create_upload", "/uploads/", known) and None


def join_upload(deployment: Deployment) -> Callable[[], None]:
    known = {"dag_id": DAG_ID, "file_name": "raw.h5", "size_bytes": 4}
    plan = post(deployment, "create_upload", "/uploads/", known)
    parts = [{"part_number": 1, "etag": put_part(plan)}]
    body = {"parts": parts, "crc64nvme": "AAAAAAAAAAA="}
    path = f"/uploads/{plan['upload_id']}/complete/"
    return lambda: post(deployment, "complete_upload", path, body) and None


def raw_data(deployment: Deployment) -> Callable[[], None]:
    process(deployment)
    upload(deployment, {"task_id": deployment.task_ids[0]})
    return take_message(deployment)


def start_of_task(deployment: Deployment) -> Callable[[], None]:
    raw_data(deployment)()
    return take_message(deployment)


def progress(deployment: Deployment) -> Callable[[], None]:
    scan(deployment)
    [run] = deployment.airflow.runs.values()
    return lambda: call_back(deployment, run["conf"], {"progress": 50})


def progress_of_object(deployment: Deployment) -> Callable[[], None]:
    start_of_object(deployment)()
    [run] = deployment.airflow.runs.values()
    return lambda: call_back(deployment, run["conf"], {"progress": 50})


def end(deployment: Deployment) -> Callable[[], None]:
    scan(deployment)
    [run] = deployment.airflow.runs.values()
    return lambda: call_back(deployment, run["conf"], {"success": False, "error": "no"})


def call_back(deployment: Deployment, conf: dict[str, Any], body: Any) -> None:
    assert deployment.call_back(conf, body) == 200


def second_click(deployment: Deployment) -> Callable[[], None]:
    process(deployment)
    return lambda: process(deployment)


def trigger_busy(deployment: Deployment) -> Callable[[], None]:
    process(deployment)
    add_next_patient(deployment)
    path = f"/trigger_task/{deployment.task_ids[0]}/"

    def act() -> None:
        assert deployment.call("trigger_task", "POST", path)["statusCode"] == 409

    return act


# A call, and what happens first: the first read is throttled, or somebody else writes before the
# first commit.
SCENARIOS = [
    (process_first, ""),
    (process_next_patient, ""),
    (process_next_scan, ""),
    (second_click, ""),
    (trigger_scan, ""),
    (trigger_rescan, ""),
    (trigger_busy, ""),
    (trigger_dag, ""),
    (plan_upload, ""),
    (join_upload, ""),
    (start_of_object, ""),
    (raw_data, ""),
    (start_of_task, ""),
    (progress, ""),
    (progress_of_object, ""),
    (end, ""),
    (process_first, "throttled"),
    (trigger_rescan, "overtaken"),
    (progress, "overtaken"),
]
# The requests to DynamoDB one after the other, [those beside them], and how many go to all others.
EXPECTED = """
process_first: 4: Query Transact BatchGet Transact [Get Put]; 11 others
process_next_patient: 4: Query Transact BatchGet Transact [BatchGet Get Put]; 10 others
process_next_scan: 4: Query Transact BatchGet Transact [BatchGet Get Put Query]; 9 others
second_click: 2: Query Query [Query]; 1 others
trigger_scan: 4: Query Transact BatchGet Transact [Get Put]; 9 others
trigger_rescan: 4: Query Transact BatchGet Transact [Get Put Query]; 9 others
trigger_busy: 2: Query BatchGet [BatchGet Get]; 8 others
trigger_dag: 2: Query Transact [Put Query]; 6 others
plan_upload: 1: Put [Put]; 2 others
join_upload: 2: Get Put [Put]; 1 others
start_of_object: 3: Transact Put Transact [Put]; 3 others
raw_data: 5: Get Query Query Get Transact [Put]; 2 others
start_of_task: 4: Get Put Get Transact [Put]; 3 others
progress: 2: BatchGet Transact [Put]; 1 others
progress_of_object: 2: Get Put [Put]; 0 others
end: 4: BatchGet Get Query Transact [Put]; 1 others
process_first throttled: 5: Query Query Transact BatchGet Transact [Get Put]; 10 others
trigger_rescan overtaken: 7: Query Transact Query Get Transact BatchGet Transact [Get Put Query Query]; 12 others
progress overtaken: 5: BatchGet Transact Get BatchGet Transact [Put]; 1 others
"""  # noqa: E501 - a table


def test_each_start_waits_for_no_more_than_this(
    line: Line, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given no pauses between tries, and a call that takes no time
    monkeypatch.setattr(endpoint, "time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(retry_on_conflict, "FIRST_PAUSE_S", 0)
    monkeypatch.setattr(list_mark, "RENEWED_AFTER_S", 3600)
    waits = []
    for begin, mishap in SCENARIOS:
        deployment.drain_queue()
        deployment.add_workflow(*DEFAULT_TASKS)
        deployment.airflow.runs.clear()
        act = begin(deployment)
        # As in a function that has marked no list just now
        wiring._store.cache_clear()
        line.clear()
        line.mishap = mishap

        # When
        act()

        # Then
        name = f"{begin.__name__} {mishap}".strip()
        waits.append(f"{name}: {line}")
    assert "\n".join(waits) == EXPECTED.strip()
