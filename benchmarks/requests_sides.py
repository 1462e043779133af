"""The two sides of the benchmark of requests, each behind the same few methods."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Protocol, cast

from benchmarks import requests_hospital as hospital
from benchmarks.requests_neighbours import TOKEN, Neighbours
from local.config import HOST, clean_environ

ROOT = Path(__file__).parents[1]
EVENTS = ROOT / "events"
BASE_PATH = "/api/v1/workflowmanager"
OK = 200
# One line of JSON holds an answer.
MAX_LINE_BYTES = 2**20


class Kind(StrEnum):
    """What is asked for."""

    HELLO = "GET hello"
    SCAN = "POST trigger_task, a scan"
    DAG = "POST trigger_task, a DAG"
    DAG_STARTED = "the same, until Airflow has it"


class AnswerError(Exception):
    """A side has answered something else than a success."""


class Caller(Protocol):
    """One client of a side, who waits for an answer before the next request."""

    async def call(self, kind: Kind, number: int) -> None:
        """Send a request about a workflow that nobody has asked about before.

        Raises
        ------
        AnswerError
            It did not succeed.
        """

    async def read_cpu_s(self) -> float:
        """Return the processor time [s] of the process that answers this client."""


@dataclass(frozen=True)
class Side:
    """What is measured.

    Parameters
    ----------
    name
        As the table calls it.
    callers
        Its clients.
    has_one_process
        Whether one process answers all of them.
    """

    name: str
    callers: Sequence[Caller]
    has_one_process: bool

    async def read_cpu_s(self, n_clients: int) -> float:
        """Return the processor time [s] of all processes that answer so many clients."""
        asked = self.callers[: 1 if self.has_one_process else n_clients]
        return sum([await caller.read_cpu_s() for caller in asked])


@dataclass(frozen=True)
class HttpCaller:
    """A client over HTTP, on a connection that is kept."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def call(self, kind: Kind, number: int) -> None:
        """Send a request, as `Caller` says."""
        if kind is Kind.HELLO:
            await self._send("GET", f"{BASE_PATH}/hello/")
        else:
            await self._send("POST", f"{BASE_PATH}/trigger_task/{task_id_of(kind, number)}/")

    async def read_cpu_s(self) -> float:
        """Return the server's processor time [s]."""
        return float(await self._send("GET", "/usage"))

    async def _send(self, method: str, path: str) -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\n"
        self.writer.write(f"{head}Content-Length: 0\r\n\r\n".encode())
        answer = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = answer.partition("content-length:")[2].partition("\r\n")[0]
        body = await self.reader.readexactly(int(length))
        if not answer.startswith(f"http/1.1 {OK}"):
            raise AnswerError(f"{method} {path}: {body.decode()}")
        return body


@dataclass(frozen=True)
class EnvironmentCaller:
    """A client of an execution environment, in the place of API Gateway and of SQS."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    neighbours: Neighbours
    events: Mapping[str, dict[str, Any]]

    async def call(self, kind: Kind, number: int) -> None:
        """Send a request, as `Caller` says."""
        if kind is Kind.HELLO:
            await self._invoke("hello", self.events["hello"])
            return
        task_id = task_id_of(kind, number)
        event = name_task(self.events["trigger_task"], task_id)
        answer = json.loads((await self._invoke("trigger_task", event))["body"])
        if kind is Kind.DAG_STARTED:
            message = self.neighbours.messages.pop(answer["task"]["dag_run_id"])
            await self._invoke("trigger_airflow", make_sqs_event(message))

    async def read_cpu_s(self) -> float:
        """Return the environment's processor time [s]."""
        return float(await self._exchange(None, {}))

    async def _invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = await self._exchange(function, event)
        if answer.get("statusCode", OK) != OK or answer.get("batchItemFailures"):
            raise AnswerError(f"{function}: {answer}")
        return answer

    async def _exchange(self, function: str | None, event: dict[str, Any]) -> Any:
        self.writer.write(json.dumps({"function": function, "event": event}).encode() + b"\n")
        line = await self.reader.readline()
        if not line:
            raise AnswerError(f"{function}: the environment has died")
        return json.loads(line)


def task_id_of(kind: Kind, number: int) -> str:
    """Return the id of the task that a request starts."""
    return hospital.make_id(number, hospital.SCAN if kind is Kind.SCAN else hospital.RECONSTRUCTION)


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
    async with _start("benchmarks.requests_server", environ, str(core)) as port:
        streams = [await asyncio.open_connection(HOST, int(port)) for _ in range(n_clients)]
        yield Side("ScanHub's way", [HttpCaller(*pair) for pair in streams], has_one_process=True)


@asynccontextmanager
async def run_environments(
    environ: Mapping[str, str], core: int, n_clients: int, neighbours: Neighbours
) -> AsyncIterator[Side]:
    """Run our functions in as many execution environments as there are clients."""
    events = {
        name: json.loads((EVENTS / name / f"{case}.json").read_text())
        for name, case in (("hello", "trailing_slash"), ("trigger_task", "device_task"))
    }
    with TemporaryDirectory() as folder:
        path = str(Path(folder, "socket"))
        arguments = (str(core), path, str(n_clients))
        async with _start("benchmarks.requests_environments", environ, *arguments):
            streams = [
                await asyncio.open_unix_connection(path, limit=MAX_LINE_BYTES)
                for _ in range(n_clients)
            ]
            callers = [EnvironmentCaller(*pair, neighbours, events) for pair in streams]
            yield Side("ours", callers, has_one_process=False)


@asynccontextmanager
async def _start(module: str, environ: Mapping[str, str], *arguments: str) -> AsyncIterator[str]:
    """Run a module as long as the context, which begins with the module's first line."""
    process = subprocess.Popen(  # noqa: S603 - modules of this package only
        [sys.executable, "-m", module, *arguments],
        env=clean_environ(PYTHONPATH=f"{ROOT}:{ROOT / 'layers' / 'workflow_manager'}", **environ),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        # A group of its own, for it may fork.
        start_new_session=True,
    )
    try:
        line = await asyncio.to_thread(cast(IO[str], process.stdout).readline)
        if not line:
            raise AnswerError(f"{module} does not start.")
        yield line
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
