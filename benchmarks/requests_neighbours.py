"""All services that a request calls, in one event loop: ScanHub's, Airflow and AWS.

Each answers after `DELAY_S`. ScanHub's services check the caller's token themselves by a call that
takes as long, so they answer after twice that. Any number of calls run at once; the real services
would make some wait.

ScanHub's documents are those of the laptop's stand-in, copied for each workflow: the stand-in
itself takes a millisecond for an answer, and we would measure that. Airflow is the tests' fake.

Workflow number n exists as soon as it is asked for: a scan on a device of its own, and its
reconstruction. In odd workflows the scan is still to come; in even ones it has ended.
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

import httpx

from benchmarks.requests_table import MemoryTable
from local.config import DAG_ID
from local.samples import BUCKET, TOKEN
from local.scanhub.app import Settings as StandInSettings
from local.scanhub.app import make_stand_in
from local.scanhub.models import BaseResult, ResultType
from local.scanhub.server import HOST, open_socket
from tests.fakes.airflow import PASSWORD, USERNAME, FakeAirflow
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.workflow import Workflow
from workflow_manager.settings import Settings
from workflow_manager.stores.dynamodb import DynamoDBStore

DELAY_S = 0.005
TABLE_NAME = "workflow-manager"
WORKFLOW, SCAN, RECONSTRUCTION, EXAM, PATIENT, DEVICE, SEQUENCE, USER = range(1, 9)
_TOKEN_HEADER = f"Bearer {TOKEN}"
_SECRET = {"SecretString": json.dumps({"username": USERNAME, "password": PASSWORD})}
# Magic bytes of HDF5, which is what raw data is.
_RAW_DATA = b"\x89HDF\r\n\x1a\n" + bytes(1000)
Answer = tuple[int, bytes]


def make_id(number: int, kind: int) -> str:
    """Return the id of a workflow by its number, or of `SCAN`, `EXAM`, … that belong to it."""
    return f"{number:08x}-0000-4000-8000-{kind:012x}"


def make_document(text: str) -> bytes:
    """Return the document with this id, as ScanHub's service sends it."""
    number, kind = int(text[:8], 16), int(text[-12:], 16)
    return _DOCUMENTS[number % 2 == 0][kind].replace("00000000-", text[:9]).encode()


def _make_documents(has_scanned: bool) -> dict[int, str]:
    """Return the documents of workflow 0, from the seed of the laptop's stand-in."""
    stand_in = make_stand_in(StandInSettings(HOST))
    store, seed = stand_in.store, stand_in.seed
    if has_scanned:
        store.report_progress(seed.task_ids[0], 100)
        named = {"directory": "/r", "filename": "raw"}
        store.add_result(BaseResult(task_id=seed.task_ids[0], type=ResultType.MRD, **named))
    exam, patient = store.find_exam(seed.exam_id), store.find_patient(seed.patient_id)
    [workflow] = exam.workflows if exam else []
    user = stand_in.accounts.log_in(*list(stand_in.credentials.values())[:2])
    models = (workflow, *workflow.tasks, exam, patient, store.find_sequence(seed.sequence_id), user)
    texts = [cast(Any, model).model_dump_json(by_alias=True) for model in models]
    ids = (seed.workflow_id, *seed.task_ids, seed.exam_id, seed.patient_id, seed.device_id)
    for kind, id_ in enumerate(ids, WORKFLOW):
        texts = [text.replace(str(id_), make_id(0, kind)) for text in texts]
    texts = [text.replace("DEVICE_TASK_SIMULATOR", "DEVICE_TASK_SDK") for text in texts]
    kinds = (WORKFLOW, SCAN, RECONSTRUCTION, EXAM, PATIENT, SEQUENCE, USER)
    return dict(zip(kinds, texts, strict=True))


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
    """A request to a service: its path without the query, its headers in lower case."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Neighbours:
    """The state that all of them share: the table, and an Airflow of each version."""

    def __init__(self) -> None:
        self.port = 0
        self._airflows = FakeAirflow(version="v1"), FakeAirflow(version="v2")
        for airflow in self._airflows:
            airflow.dag_ids = [DAG_ID]
        self._table = MemoryTable()
        self._store = DynamoDBStore(self._table, Settings(table_name=TABLE_NAME))

    def add_scanned(self, number: int) -> None:
        """Put a workflow into our table as one whose scan has ended."""
        self._store.commit(make_scanned(number))

    def answer(self, call: Call) -> tuple[int, bytes, float]:
        """Return status, body and duration [s] of the answer to a request."""
        if target := call.headers.get("x-amz-target"):
            return *self._answer_aws(target, json.loads(call.body)), DELAY_S
        match call.path.split("/")[1:]:
            case ["auth", *_] | ["api", _, "dags", *_]:
                return *self._answer_airflow(call), DELAY_S
            case ["api", "v1", "userlogin", _]:
                return *_answer_scanhub(call, "userlogin", []), DELAY_S
            case ["api", "v1", service, *rest]:
                return *_answer_scanhub(call, service, rest), 2 * DELAY_S
            case [bucket, *_] if bucket == BUCKET:
                return 200, _RAW_DATA, DELAY_S
        return 404, b"", DELAY_S

    def _answer_aws(self, target: str, request: dict[str, Any]) -> Answer:
        service, _, operation = target.partition(".")
        if service.startswith("DynamoDB"):
            return _say(*self._table.answer(operation, request))
        if service == "secretsmanager":
            return _say(200, _SECRET)
        digest = md5(request["MessageBody"].encode(), usedforsecurity=False).hexdigest()
        return _say(200, {"MessageId": digest, "MD5OfMessageBody": digest})

    def _answer_airflow(self, call: Call) -> Answer:
        url, headers = f"http://{HOST}{call.path}", call.headers
        request = httpx.Request(call.method, url, headers=headers, content=call.body)
        answer = self._airflows[not call.path.startswith("/api/v1/")].handle(request)
        return answer.status_code, answer.content

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer all requests of a connection."""
        try:
            while call := await read_call(reader):
                status, body, delay_s = self.answer(call)
                await asyncio.sleep(delay_s)
                head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
                head += "x-amzn-RequestId: benchmark\r\n"
                writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        except ConnectionError:
            pass
        finally:
            writer.close()


def _say(status: int, content: Any) -> Answer:
    return status, json.dumps(content).encode()


def _answer_scanhub(call: Call, service: str, rest: list[str]) -> Answer:
    if call.headers.get("authorization") != _TOKEN_HEADER:
        return 401, b""
    match service, *rest:
        case "userlogin", *_:
            return 200, make_document(make_id(0, USER))
        case "exam", "task", task_id:
            return 200, call.body or make_document(task_id)
        case ("exam", "workflow", id_) | ("exam" | "patient", id_):
            return 200, make_document(id_)
        case "mri", "sequences", _:
            return 200, make_document(make_id(0, SEQUENCE))
        case "device", "start_scan_via_websocket":
            return 200, b"null"
    return 404, b""


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
    """Run the services in this event loop until their clients are gone."""
    neighbours = Neighbours()
    listener = open_socket(0)
    neighbours.port = listener.getsockname()[1]
    server = await asyncio.start_server(neighbours.serve, sock=listener, backlog=200)
    try:
        yield neighbours
    finally:
        server.close()


def make_environ(port: int) -> dict[str, str]:
    """Return the variables by which both sides find the services."""
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
