"""Everybody whom a request leads to, in one event loop: ScanHub's services, Airflow and AWS.

Each answers after `DELAY_S`. ScanHub's services check the caller's token themselves, by a call that
takes as long: they answer after twice that. All calls are independent of each other, as many as
there may be; the real services would make theirs wait in line.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

from benchmarks import requests_hospital as hospital
from benchmarks.requests_table import MemoryTable
from local.scanhub.server import HOST, open_socket
from workflow_manager.settings import Settings
from workflow_manager.stores.dynamodb import DynamoDBStore

DELAY_S = 0.005
TOKEN = "a-users-token"  # noqa: S105 - of a hospital in memory
TABLE_NAME = "workflow-manager"
AIRFLOW_TOKEN = "airflows-token"  # noqa: S105 - likewise
_TOKEN_HEADER = f"Bearer {TOKEN}"
_UNKNOWN: tuple[int, Any] = (404, {"detail": "Not Found"})
_USER = {
    "username": "operator",
    "first_name": "A",
    "last_name": "B",
    "email": None,
    "role": "medical",
    "access_token": "",
    "token_type": "",
    "last_activity_unixtime": 1795428721,
    "last_login_unixtime": 1795428721,
}
_DAG = {"dag_id": hospital.DAG_ID, "dag_display_name": "Reconstruction", "is_paused": False}
_SECRET = {"SecretString": json.dumps({"username": "airflow", "password": "airflow"})}
# Magic bytes of HDF5, which is what raw data is.
_RAW_DATA = b"\x89HDF\r\n\x1a\n" + bytes(1000)


@dataclass(frozen=True)
class Call:
    """A request to a neighbour.

    Parameters
    ----------
    method, path
        As sent, without the query.
    headers
        By their names in lower case.
    body
        The body.
    """

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def read(self) -> Any:
        """Return the body's JSON."""
        return json.loads(self.body)


class Neighbours:
    """What they hold in common.

    Attributes
    ----------
    port
        Where all of them listen on loopback.
    messages
        Bodies of what was sent to SQS, by what they name.
    n_calls
        How often any of them was called.
    """

    def __init__(self) -> None:
        self.port = 0
        self.n_calls = 0
        self.messages: dict[str, str] = {}
        self._table = MemoryTable()
        self._store = DynamoDBStore(self._table, Settings(table_name=TABLE_NAME))

    def add_scanned(self, number: int) -> None:
        """Let a workflow be in our table as one whose scan has ended."""
        self._store.commit(hospital.make_scanned(number))

    def answer(self, call: Call) -> tuple[int, Any, float]:
        """Return status, body and duration [s] of an answer; the body is JSON unless it is bytes.

        Parameters
        ----------
        call
            The request.
        """
        self.n_calls += 1
        if target := call.headers.get("x-amz-target"):
            return *self._answer_aws(target, call), DELAY_S
        match call.path.split("/")[1:]:
            case ["api", "v1", "userlogin", "getcurrentuser"]:
                is_known = call.headers.get("authorization") == _TOKEN_HEADER
                return *((200, _USER) if is_known else _UNKNOWN), DELAY_S
            case ["auth", "token"]:
                return 201, {"access_token": AIRFLOW_TOKEN}, DELAY_S
            case ["api", "v1" | "v2", "dags", dag_id, *rest]:
                return *_answer_airflow(call, dag_id, rest), DELAY_S
            case ["api", "v1", service, *rest]:
                if call.headers.get("authorization") != _TOKEN_HEADER:
                    return 401, {"detail": "Invalid token."}, 2 * DELAY_S
                return *_answer_scanhub(call, service, rest), 2 * DELAY_S
            case [hospital.BUCKET, *_]:
                return 200, _RAW_DATA, DELAY_S
        return *_UNKNOWN, DELAY_S

    def _answer_aws(self, target: str, call: Call) -> tuple[int, Any]:
        service, _, operation = target.partition(".")
        if service.startswith("DynamoDB"):
            return self._table.answer(operation, call.read())
        if service == "secretsmanager":
            return 200, _SECRET
        body = call.read()["MessageBody"]
        self.messages[json.loads(body)["start_dag_run"]] = body
        digest = md5(body.encode(), usedforsecurity=False).hexdigest()
        return 200, {"MessageId": digest, "MD5OfMessageBody": digest}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer all requests of a connection."""
        try:
            while call := await read_call(reader):
                status, body, delay_s = self.answer(call)
                await asyncio.sleep(delay_s)
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
                writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        except ConnectionError:
            pass
        finally:
            writer.close()


def _answer_airflow(call: Call, dag_id: str, rest: list[str]) -> tuple[int, Any]:
    if call.method == "GET" and not rest:
        return 200, _DAG
    return 200, {"dag_id": dag_id, "dag_run_id": call.read()["dag_run_id"], "state": "queued"}


def _answer_scanhub(call: Call, service: str, rest: list[str]) -> tuple[int, Any]:
    match service, *rest:
        case "exam", "task", task_id:
            return 200, call.read() if call.body else hospital.make_task(*hospital.read_id(task_id))
        case "exam", "workflow", workflow_id:
            return 200, hospital.make_workflow(hospital.read_id(workflow_id)[0])
        case "exam", exam_id:
            return 200, hospital.make_exam(hospital.read_id(exam_id)[0])
        case "patient", patient_id:
            return 200, hospital.make_patient(hospital.read_id(patient_id)[0])
        case "mri", "sequences", _:
            return 200, hospital.SEQUENCE
        case "device", "start_scan_via_websocket":
            return 200, None
    return _UNKNOWN


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


def make_environ(neighbours: Neighbours) -> dict[str, str]:
    """Return the environment in which both sides find the neighbours."""
    url = f"http://{HOST}:{neighbours.port}"
    services = ("USER_LOGIN", "EXAM", "PATIENT", "SEQUENCE", "DEVICE")
    return {
        **{f"{name}_MANAGER_URI": url for name in services},
        "AWS_ENDPOINT_URL": url,
        "AIRFLOW_URL": url,
        "AIRFLOW_SECRET_ARN": "airflow",
        "QUEUE_URL": f"{url}/queue",
        "TABLE_NAME": TABLE_NAME,
        "BUCKET_NAME": hospital.BUCKET,
    }
