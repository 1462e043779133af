"""The two sides of the benchmark of requests: their processes, and clients that call them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import psutil

from benchmarks.child import Child
from benchmarks.requests_neighbours import RECONSTRUCTION, SCAN, TOKEN, Neighbours, make_id
from local.config import HOST, StackError
from local.samples import Sample

BASE_PATH = "/api/v1/workflowmanager"
OK = 200
# One line of JSON holds an answer.
MAX_LINE_BYTES = 2**20
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Kind(StrEnum):
    """What is asked for."""

    HELLO = "GET hello"
    SCAN = "POST trigger_task, a scan"
    DAG = "POST trigger_task, a DAG"
    DAG_STARTED = "the same, until Airflow has it"


class Caller(Protocol):
    """One client of a side, who waits for an answer before the next request."""

    async def call(self, kind: Kind, number: int) -> None:
        """Send a request about a workflow of which nobody has asked before.

        Raises
        ------
        StackError
            It did not succeed.
        """


@dataclass(frozen=True)
class Side:
    """What is measured: its name in the table, its clients, and the process that answers them."""

    name: str
    callers: Sequence[Caller]
    process: psutil.Process

    def read_cpu_s(self) -> float:
        """Return the processor time [s] of all processes that answer."""
        all_times = [each.cpu_times() for each in [self.process, *self.process.children()]]
        return sum(times.user + times.system for times in all_times)


@dataclass(frozen=True)
class HttpCaller:
    """A client over HTTP, on a connection that is kept."""

    streams: Streams

    async def call(self, kind: Kind, number: int) -> None:
        """Send a request, as `Caller` says."""
        reader, writer = self.streams
        what = f"POST {BASE_PATH}/trigger_task/{task_id_of(kind, number)}/"
        what = f"GET {BASE_PATH}/hello/" if kind is Kind.HELLO else what
        head = f"{what} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\n"
        writer.write(f"{head}Content-Length: 0\r\n\r\n".encode())
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = answer.partition("content-length:")[2].partition("\r\n")[0]
        body = await reader.readexactly(int(length))
        if not answer.startswith(f"http/1.1 {OK}"):
            raise StackError(f"{what}: {body.decode()}")


@dataclass(frozen=True)
class EnvironmentCaller:
    """A client of an execution environment, in the place of API Gateway and of SQS."""

    streams: Streams
    neighbours: Neighbours
    hello: dict[str, Any]
    trigger_task: dict[str, Any]

    async def call(self, kind: Kind, number: int) -> None:
        """Send a request, as `Caller` says."""
        if kind is Kind.HELLO:
            await self._invoke("hello", self.hello)
            return
        event = name_task(self.trigger_task, task_id_of(kind, number))
        answer = json.loads((await self._invoke("trigger_task", event))["body"])
        if kind is Kind.DAG_STARTED:
            message = self.neighbours.messages.pop(answer["task"]["dag_run_id"])
            await self._invoke("trigger_airflow", make_sqs_event(message))

    async def _invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        reader, writer = self.streams
        writer.write(json.dumps([function, event]).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await reader.readline() or '{"statusCode": "died"}')
        if answer.get("statusCode", OK) != OK or answer.get("batchItemFailures"):
            raise StackError(f"{function}: {answer}")
        return answer


def task_id_of(kind: Kind, number: int) -> str:
    """Return the id of the task that a request starts."""
    return make_id(number, SCAN if kind is Kind.SCAN else RECONSTRUCTION)


def name_task(event: dict[str, Any], task_id: str) -> dict[str, Any]:
    """Return an event of API Gateway for another task."""
    path = f"/v1/workflowmanager/trigger_task/{task_id}/"
    context = event["requestContext"] | {"path": f"/api{path}"}
    parameters = {"task_id": task_id}
    return event | {"path": path, "pathParameters": parameters, "requestContext": context}


def make_sqs_event(body: str) -> dict[str, Any]:
    """Return the event of a queue that holds one message."""
    record = {"messageId": "1", "receiptHandle": "1", "body": body, "eventSource": "aws:sqs"}
    return {"Records": [record | {"attributes": {}, "messageAttributes": {}}]}


@asynccontextmanager
async def run_server(environ: Mapping[str, str], core: int, n_clients: int) -> AsyncIterator[Side]:
    """Run the server built ScanHub's way."""
    with Child("requests_server", str(core), **environ) as child:
        port = await asyncio.to_thread(child.read)
        streams = [await asyncio.open_connection(HOST, port) for _ in range(n_clients)]
        yield Side("ScanHub's way", list(map(HttpCaller, streams)), psutil.Process(child.pid))
        for _, writer in streams:
            writer.close()


@asynccontextmanager
async def run_environments(
    environ: Mapping[str, str], core: int, n_clients: int, neighbours: Neighbours
) -> AsyncIterator[Side]:
    """Run our functions in as many execution environments as there are clients."""
    hello = Sample("hello", "trailing_slash").load()
    known = neighbours, hello, Sample("trigger_task", "device_task").load()
    with TemporaryDirectory() as folder:
        path = str(Path(folder, "socket"))
        with Child("requests_environments", str(core), path, str(n_clients), **environ) as child:
            await asyncio.to_thread(child.read)
            callers = [
                EnvironmentCaller(
                    await asyncio.open_unix_connection(path, limit=MAX_LINE_BYTES), *known
                )
                for _ in range(n_clients)
            ]
            yield Side("ours", callers, psutil.Process(child.pid))
