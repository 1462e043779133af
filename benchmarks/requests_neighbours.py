"""All services that a request calls, in one event loop: ScanHub's and AWS.

Each answers after `DELAY_S`. ScanHub's services check the caller's token themselves by a call that
takes as long, so they answer after twice that, and so does Airflow, which keeps its users in a
database. Any number of calls run at once; the real services
would make some wait.

ScanHub's documents are those of the laptop's stand-in, copied for each workflow: the stand-in
itself takes a millisecond for an answer, and we would measure that.

Workflow number n exists as soon as it is asked for: a scan, still to come, on a device of its own,
and its reconstruction. Of those with an id from `make_processed_id`, our table has the scan's data.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from hashlib import md5
from typing import Any, cast

from local.config import DAG_ID
from local.samples import BUCKET, TOKEN
from local.scanhub.app import Settings as StandInSettings
from local.scanhub.app import make_stand_in
from local.scanhub.models import ExamOut, MRISequence, PatientOut
from local.scanhub.server import HOST, open_socket
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.definition import make_execution, make_tasks
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.exam import ExamWorkflow
from workflow_manager.settings import Settings
from workflow_manager.stores.items import encode_entity

DELAY_S = 0.005
TABLE_NAME = "workflow-manager"
# Of workflows that our table has already.
_PROCESSED = 1 << 31
WORKFLOW, SCAN, RECONSTRUCTION, EXAM, PATIENT, DEVICE, SEQUENCE, USER = range(1, 9)
_TOKEN_HEADER = f"Bearer {TOKEN}"
Item = dict[str, Any]
Answer = tuple[int, bytes]


def make_id(number: int, kind: int) -> str:
    """Return the id of a workflow by its number, or of `SCAN`, `EXAM`, … that belong to it."""
    return f"{number:08x}-0000-4000-8000-{kind:012x}"


def make_processed_id(number: int, kind: int) -> str:
    """Return the same of a workflow whose scan has left its data."""
    return make_id(number | _PROCESSED, kind)


def make_document(text: str) -> bytes:
    """Return the document with this id, as ScanHub's service sends it."""
    return _DOCUMENTS[int(text[-12:], 16)].replace("00000000-", text[:9]).encode()


def _make_documents() -> dict[int, str]:
    """Return the documents of workflow 0, from the seed of the laptop's stand-in."""
    stand_in = make_stand_in(StandInSettings(HOST))
    store, seed = stand_in.store, stand_in.seed
    exam, patient = store.find(ExamOut, seed.exam_id), store.find(PatientOut, seed.patient_id)
    [workflow] = exam.workflows if exam else []
    user = stand_in.accounts.log_in(*list(stand_in.credentials.values())[:2])
    sequence = store.find(MRISequence, seed.sequence_id)
    models = (workflow, *workflow.tasks, exam, patient, sequence, user)
    texts = [cast(Any, model).model_dump_json(by_alias=True) for model in models]
    ids = (seed.workflow_id, *seed.task_ids, seed.exam_id, seed.patient_id, seed.device_id)
    for kind, id_ in enumerate(ids, WORKFLOW):
        texts = [text.replace(str(id_), make_id(0, kind)) for text in texts]
    texts = [text.replace("DEVICE_TASK_SIMULATOR", "DEVICE_TASK_SDK") for text in texts]
    kinds = (WORKFLOW, SCAN, RECONSTRUCTION, EXAM, PATIENT, SEQUENCE, USER)
    return dict(zip(kinds, texts, strict=True))


_DOCUMENTS = _make_documents()
# By their variable, which holds their name too.
_SECRETS = {
    "AIRFLOW_SECRET_ARN": json.dumps({"username": "us", "password": "secret"}),
    "PATIENT_PSEUDONYM_SECRET_ARN": "a key of thirty-two characters..",
}


@cache
def _make_processed_items() -> str:
    """Return as JSON the items of workflow 0 once its scan has left its data."""
    cause = Cause("operator", "benchmark", datetime(2026, 11, 29, tzinfo=UTC))
    definition = ExamWorkflow.model_validate_json(make_document(make_id(0, WORKFLOW)))
    settings = Settings()
    execution = make_execution(definition, make_tasks(definition, settings.policy, cause.at), cause)
    scan_id = make_id(0, SCAN)
    execution.claim_for_scan(scan_id, settings.policy, cause)
    execution.complete(scan_id, ObjectVersion(bucket=BUCKET, key="raw.h5", version_id="1"), cause)
    return json.dumps([encode_entity(each, settings) for each in execution.changes.entities])


class UnknownRequestError(Exception):
    """The table is asked for something that it does not do."""


class MemoryTable:
    """A DynamoDB table with only what the functions use; it answers requests of the wire."""

    def __init__(self) -> None:
        self._partitions: dict[str, dict[str, Item]] = {}

    def answer(self, operation: str, request: Item) -> tuple[int, Item]:
        """Return status and body of the answer to a request of the wire.

        Raises
        ------
        UnknownRequestError
            It does not know the operation, its condition or its expression.
        """
        match operation:
            case "GetItem":
                item = self._find(request["Key"])
                return 200, {"Item": item} if item else {}
            case "BatchGetItem":
                [(name, wanted)] = request["RequestItems"].items()
                found = [self._find(key) for key in wanted["Keys"]]
                items = [item for item in found if item]
                return 200, {"Responses": {name: items}, "UnprocessedKeys": {}}
            case "Query":
                return 200, {"Items": self._query(request)}
            case "PutItem":
                return self._write([request], "ConditionalCheckFailedException")
            case "TransactWriteItems":
                puts = [each["Put"] for each in request["TransactItems"]]
                return self._write(puts, "TransactionCanceledException")
        raise UnknownRequestError(operation)

    def _write(self, puts: list[Item], refusal: str) -> tuple[int, Item]:
        """Write all or nothing."""
        held = [self._holds(put) for put in puts]
        if not all(held):
            reasons = [{"Code": "None" if each else "ConditionalCheckFailed"} for each in held]
            kind = f"com.amazonaws.dynamodb.v20120810#{refusal}"
            told = {"__type": kind, "message": "A condition is not met."}
            return 400, told | {"CancellationReasons": reasons}
        for put in puts:
            item = put["Item"]
            self._partition(item["PK"]["S"])[item["SK"]["S"]] = item
        return 200, {}

    def _query(self, request: Item) -> list[Item]:
        values = {name: each["S"] for name, each in request["ExpressionAttributeValues"].items()}
        partition = sorted(self._partition(values[":pk"]).items())
        match request["KeyConditionExpression"]:
            case "PK = :pk AND begins_with(SK, :prefix)":
                return [item for sk, item in partition if sk.startswith(values[":prefix"])]
            case "PK = :pk AND SK >= :first":
                return [item for sk, item in partition if sk >= values[":first"]]
        raise UnknownRequestError(request["KeyConditionExpression"])

    def _partition(self, pk: str) -> dict[str, Item]:
        if pk not in self._partitions:
            self._partitions[pk] = {}
            kind, _, id_ = pk.partition("#")
            if kind == "WORKFLOW" and int(id_[:8], 16) & _PROCESSED:
                found = json.loads(_make_processed_items().replace("00000000-", id_[:9]))
                self._partitions[pk] = {item["SK"]["S"]: item for item in found}
        return self._partitions[pk]

    def _holds(self, put: Item) -> bool:
        there, condition = self._find(put["Item"]), put.get("ConditionExpression")
        if condition is None:
            return True
        if condition == "attribute_not_exists(PK)":
            return there is None
        if condition == "#version = :version":
            version = put["ExpressionAttributeValues"][":version"]
            return there is not None and bool(there["version"] == version)
        raise UnknownRequestError(str(condition))

    def _find(self, key: Item) -> Item | None:
        return self._partition(key["PK"]["S"]).get(key["SK"]["S"])


@dataclass(frozen=True)
class Call:
    """A request to a service: its path without the query, its headers in lower case."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Neighbours:
    """The services, with the table that they share."""

    def __init__(self) -> None:
        self._table = MemoryTable()

    def answer(self, call: Call) -> tuple[int, bytes, float]:
        """Return status, body and duration [s] of the answer to a request."""
        if target := call.headers.get("x-amz-target"):
            return *self._answer_aws(target, json.loads(call.body)), DELAY_S
        match call.path.split("/")[1:]:
            case ["api", "v1", "userlogin", _]:
                return *_answer_scanhub(call, "userlogin", []), DELAY_S
            case ["api", "v1", service, *rest]:
                return *_answer_scanhub(call, service, rest), 2 * DELAY_S
            case ["api", "v2", "dags", dag_id, *rest]:
                return *_answer_airflow(call, dag_id, rest), 2 * DELAY_S
            case ["auth", "token"]:
                return *_say(201, {"access_token": "airflow"}), 2 * DELAY_S
            case [_, "upload", *_]:
                return 206, b"\x89HDF\r\n\x1a\n" + bytes(64), DELAY_S
        return 404, b"", DELAY_S

    def _answer_aws(self, target: str, request: dict[str, Any]) -> Answer:
        service, _, operation = target.partition(".")
        if service.startswith("DynamoDB"):
            return _say(*self._table.answer(operation, request))
        if service == "secretsmanager":
            return _say(200, {"SecretString": _SECRETS[request["SecretId"]]})
        digest = md5(request["MessageBody"].encode(), usedforsecurity=False).hexdigest()
        return _say(200, {"MessageId": digest, "MD5OfMessageBody": digest})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer all requests of a connection."""
        try:
            while call := await read_call(reader):
                status, body, delay_s = self.answer(call)
                await asyncio.sleep(delay_s)
                head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
                head += "x-amzn-RequestId: benchmark\r\nx-amz-request-id: benchmark\r\n"
                writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        except ConnectionError:
            pass
        finally:
            writer.close()


def _say(status: int, content: Any) -> Answer:
    return status, json.dumps(content).encode()


def _answer_airflow(call: Call, dag_id: str, rest: list[str]) -> Answer:
    if rest:
        run = {"dag_id": dag_id, "dag_run_id": json.loads(call.body)["dag_run_id"]}
        return _say(200, run | {"state": "queued"})
    return _say(200, {"dag_id": dag_id, "is_paused": False, "tags": [{"name": "accepts:ismrmrd"}]})


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
async def run_neighbours(neighbours: Neighbours | None = None) -> AsyncIterator[int]:
    """Run the services on a port in this event loop until their clients are gone."""
    neighbours = neighbours or Neighbours()
    listener = open_socket(0)
    server = await asyncio.start_server(neighbours.serve, sock=listener, backlog=200)
    try:
        yield listener.getsockname()[1]
    finally:
        server.close()


def make_environ(port: int) -> dict[str, str]:
    """Return the variables by which both sides find the services."""
    url = f"http://{HOST}:{port}"
    services = ("USER_LOGIN", "EXAM", "PATIENT", "SEQUENCE", "DEVICE")
    return {
        **{f"{name}_MANAGER_URI": url for name in services},
        "AWS_ENDPOINT_URL": url,
        "QUEUE_URL": f"{url}/queue",
        "CHANGE_QUEUE_URL": f"{url}/queue",
        "AIRFLOW_URL": url,
        "DEFAULT_RECONSTRUCTION_DAG": DAG_ID,
        **{name: name for name in _SECRETS},
        "TABLE_NAME": TABLE_NAME,
        "BUCKET_NAME": BUCKET,
    }
