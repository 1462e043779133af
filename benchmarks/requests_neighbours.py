"""Everybody whom a request leads to, in one event loop: ScanHub's services, Airflow and AWS.

Each answers after `DELAY_S`. ScanHub's services check the caller's token themselves, by a call that
takes as long: they answer after twice that. All calls are independent of each other, as many as
there may be; the real services would make theirs wait in line.

Workflow number n is there as soon as it is asked for: a scan on a device of its own, and its
reconstruction. Of odd numbers the scan is still to come; of even numbers it has ended.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from typing import Any, cast

from benchmarks.requests_table import MemoryTable
from local.config import DAG_ID
from local.scanhub.models import BaseResult, ResultType, Role, User
from local.scanhub.seed import DEVICE_ID, seed_store
from local.scanhub.server import HOST, open_socket
from local.scanhub.store import Store
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.workflow import Workflow
from workflow_manager.settings import Settings
from workflow_manager.stores.dynamodb import DynamoDBStore

DELAY_S = 0.005
TOKEN = "a-users-token"  # noqa: S105 - of a hospital in memory
TABLE_NAME = "workflow-manager"
BUCKET = "data-lake"
WORKFLOW, SCAN, RECONSTRUCTION, EXAM, PATIENT, DEVICE, SEQUENCE = range(1, 8)
_TOKEN_HEADER = f"Bearer {TOKEN}"
_JSON_404 = (404, b'{"detail": "Not Found"}')
_DAG = {"dag_id": DAG_ID, "dag_display_name": "Reconstruction", "is_paused": False}
_SECRET = {"SecretString": json.dumps({"username": "airflow", "password": "airflow"})}
# Magic bytes of HDF5, which is what raw data is.
_RAW_DATA = b"\x89HDF\r\n\x1a\n" + bytes(1000)
_NAMES = {"username": "operator", "first_name": "A", "last_name": "B", "role": Role.MEDICAL}
_USED = {"last_activity_unixtime": 1795428721, "last_login_unixtime": 1795428721}
_USER = User.model_validate(_NAMES | _USED).model_dump(mode="json")
Answer = tuple[int, bytes]


def make_id(number: int, kind: int) -> str:
    """Return the id of a workflow by its number, or of `SCAN`, `EXAM`, … that belong to it."""
    return f"{number:08x}-0000-4000-8000-{kind:012x}"


def make_document(text: str) -> bytes:
    """Return what has this id, as ScanHub's service sends it."""
    number, kind = int(text[:8], 16), int(text[-12:], 16)
    return _DOCUMENTS[number % 2 == 0][kind].replace("00000000-", text[:9]).encode()


def _make_documents(has_scanned: bool) -> dict[int, str]:
    """Return those of workflow 0, from what the laptop's stand-in begins with."""
    store = Store()
    seed = seed_store(store, device_address=HOST)
    if has_scanned:
        store.report_progress(seed.task_ids[0], 100)
        named = {"directory": "/r", "filename": "raw"}
        store.add_result(BaseResult(task_id=seed.task_ids[0], type=ResultType.MRD, **named))
    exam, patient = store.find_exam(seed.exam_id), store.find_patient(seed.patient_id)
    sequence = store.find_sequence(seed.sequence_id)
    [workflow] = exam.workflows if exam else []
    models = (workflow, *workflow.tasks, exam, patient)
    texts = [cast(Any, model).model_dump_json() for model in models]
    texts = [text.replace("DEVICE_TASK_SIMULATOR", "DEVICE_TASK_SDK") for text in texts]
    ids = (seed.workflow_id, *seed.task_ids, seed.exam_id, seed.patient_id, DEVICE_ID)
    for kind, id_ in enumerate(ids, WORKFLOW):
        texts = [text.replace(str(id_), make_id(0, kind)) for text in texts]
    documents = dict(enumerate(texts, WORKFLOW))
    return documents | {SEQUENCE: cast(Any, sequence).model_dump_json(by_alias=True)}


_DOCUMENTS = {has_scanned: _make_documents(has_scanned) for has_scanned in (False, True)}


def make_scanned(number: int) -> list[Workflow | Task]:
    """Return our own state of a workflow whose scan has ended and whose data has come."""
    workflow_id, now = make_id(number, WORKFLOW), datetime.now(UTC)
    documents = [json.loads(make_document(make_id(number, k))) for k in (SCAN, RECONSTRUCTION)]
    key = f"acquisition/{workflow_id}/{documents[0]['id']}/upload-1/raw.h5"
    data = ObjectVersion(bucket=BUCKET, key=key, version_id="v1", size_bytes=1000)
    scanned: Any = {"status": TaskStatus.COMPLETED, "progress": 100, "attempt": 1, "data": data}
    waiting: Any = {"destinations": {"dag_id": DAG_ID}, "input_task_ids": [documents[0]["id"]]}
    tasks = [
        Task(
            workflow_id=workflow_id,
            task_id=document["id"],
            task_type=document["type"],
            args=document["args"],
            defined_at=document["datetime_created"],
            updated_at=now,
            **own,
        )
        for document, own in zip(documents, (scanned, waiting), strict=True)
    ]
    exam_id = make_id(number, EXAM)
    times = {"created_at": now, "updated_at": now}
    return [Workflow(workflow_id=workflow_id, exam_id=exam_id, **times), *tasks]


@dataclass(frozen=True)
class Call:
    """A request to a neighbour: its path without the query, its headers in lower case."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Neighbours:
    """What they hold in common: the table, and the messages sent to SQS by the run they name."""

    def __init__(self) -> None:
        self.port = 0
        self.messages: dict[str, str] = {}
        self._table = MemoryTable()
        self._store = DynamoDBStore(self._table, Settings(table_name=TABLE_NAME))

    def add_scanned(self, number: int) -> None:
        """Let a workflow be in our table as one whose scan has ended."""
        self._store.commit(make_scanned(number))

    def answer(self, call: Call) -> tuple[int, bytes, float]:
        """Return status, body and duration [s] of the answer to a request."""
        if target := call.headers.get("x-amz-target"):
            return *self._answer_aws(target, json.loads(call.body)), DELAY_S
        is_known = call.headers.get("authorization") == _TOKEN_HEADER
        match call.path.split("/")[1:]:
            case ["api", "v1", "userlogin", "getcurrentuser"] if is_known:
                return *_say(200, _USER), DELAY_S
            case ["auth", "token"]:
                return *_say(201, {"access_token": "airflows-token"}), DELAY_S
            case ["api", "v1" | "v2", "dags", _, *rest]:
                return *_answer_airflow(call, rest), DELAY_S
            case ["api", "v1", service, *rest]:
                refusal = _say(401, {"detail": "Invalid token."})
                answer = _answer_scanhub(call, service, rest) if is_known else refusal
                return *answer, 2 * DELAY_S
            case [bucket, *_] if bucket == BUCKET:
                return 200, _RAW_DATA, DELAY_S
        return *_JSON_404, DELAY_S

    def _answer_aws(self, target: str, request: dict[str, Any]) -> Answer:
        service, _, operation = target.partition(".")
        if service.startswith("DynamoDB"):
            return _say(*self._table.answer(operation, request))
        if service == "secretsmanager":
            return _say(200, _SECRET)
        body = request["MessageBody"]
        self.messages[json.loads(body)["start_dag_run"]] = body
        digest = md5(body.encode(), usedforsecurity=False).hexdigest()
        return _say(200, {"MessageId": digest, "MD5OfMessageBody": digest})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer all requests of a connection."""
        try:
            while call := await read_call(reader):
                status, body, delay_s = self.answer(call)
                await asyncio.sleep(delay_s)
                head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
                writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        except ConnectionError:
            pass
        finally:
            writer.close()


def _say(status: int, content: Any) -> Answer:
    return status, json.dumps(content).encode()


def _answer_airflow(call: Call, rest: list[str]) -> Answer:
    if call.method == "GET" and not rest:
        return _say(200, _DAG)
    run_id = json.loads(call.body)["dag_run_id"]
    return _say(200, {"dag_id": DAG_ID, "dag_run_id": run_id, "state": "queued"})


def _answer_scanhub(call: Call, service: str, rest: list[str]) -> Answer:
    match service, *rest:
        case "exam", "task", task_id:
            return 200, call.body or make_document(task_id)
        case ("exam", "workflow", id_) | ("exam" | "patient", id_):
            return 200, make_document(id_)
        case "mri", "sequences", _:
            return 200, make_document(make_id(0, SEQUENCE))
        case "device", "start_scan_via_websocket":
            return 200, b"null"
    return _JSON_404


async def read_call(reader: asyncio.StreamReader) -> Call | None:
    """Return the next request of a connection; None at its end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Call(method, target.partition("?")[0], headers, body)


@asynccontextmanager
async def run_neighbours() -> AsyncIterator[Neighbours]:
    """Run the neighbours in this event loop, until their callers are gone."""
    neighbours = Neighbours()
    listener = open_socket(0)
    neighbours.port = listener.getsockname()[1]
    server = await asyncio.start_server(neighbours.serve, sock=listener, backlog=200)
    try:
        yield neighbours
    finally:
        server.close()


def make_environ(port: int) -> dict[str, str]:
    """Return the environment in which both sides find the neighbours."""
    url = f"http://{HOST}:{port}"
    services = ("USER_LOGIN", "EXAM", "PATIENT", "SEQUENCE", "DEVICE")
    return {
        **{f"{name}_MANAGER_URI": url for name in services},
        "AWS_ENDPOINT_URL": url,
        "AIRFLOW_URL": url,
        "AIRFLOW_SECRET_ARN": "airflow",
        "QUEUE_URL": f"{url}/queue",
        "CHANGE_QUEUE_URL": f"{url}/queue",
        "TABLE_NAME": TABLE_NAME,
        "BUCKET_NAME": BUCKET,
    }
