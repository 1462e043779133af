"""The two sides of the benchmark of requests: their processes, and the clients that call them."""

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

import httpx
import psutil

from benchmarks.child import Child
from local.config import StackError
from local.samples import RUN_ID, SCAN_ID, TOKEN, Sample

BASE_PATH = "/api/v1/workflowmanager"
OK = 200
# The longest line of JSON, which holds an answer.
MAX_LINE_BYTES = 2**20
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Kind(StrEnum):
    """A kind of request."""

    HELLO = "GET hello"
    SCAN = "POST trigger_task, a scan"
    DAG = "POST trigger_task, a DAG"
    DAG_STARTED = "the same, until Airflow has it"


class Caller(Protocol):
    """One client of a side, which waits for an answer before its next request."""

    async def call(self, kind: Kind, task_id: str) -> None:
        """Send a request about a task that nobody has started; raise if it does not succeed."""


@dataclass(frozen=True)
class Side:
    """A side that is measured: its clients, and the process that answers them."""

    callers: Sequence[Caller]
    process: psutil.Process

    def read_cpu_s(self) -> float:
        """Return the processor time [s] of all processes that answer."""
        all_times = [each.cpu_times() for each in [self.process, *self.process.children()]]
        return sum(times.user + times.system for times in all_times)


@dataclass(frozen=True)
class HttpCaller:
    """A client over HTTP, on a connection that is kept."""

    client: httpx.AsyncClient

    async def call(self, kind: Kind, task_id: str) -> None:
        """Send a request, as `Caller.call` says."""
        is_hello = kind is Kind.HELLO
        method, path = ("GET", "hello/") if is_hello else ("POST", f"trigger_task/{task_id}/")
        answer = await self.client.request(method, path)
        if answer.status_code != OK:
            raise StackError(f"{path}: {answer.text}")


@dataclass(frozen=True)
class EnvironmentCaller:
    """A client of an execution environment, in the place of API Gateway and SQS."""

    streams: Streams
    hello: dict[str, Any]

    async def call(self, kind: Kind, task_id: str) -> None:
        """Send a request, as `Caller.call` says."""
        if kind is Kind.HELLO:
            await self._invoke("hello", self.hello)
            return
        event = Sample("trigger_task", "device_task").load({SCAN_ID: task_id})
        answer = await self._invoke("trigger_task", event)
        if kind is Kind.DAG_STARTED:
            run_id = json.loads(answer["body"])["task"]["dag_run_id"]
            message = Sample("trigger_airflow", "run_waits").load({RUN_ID: run_id})
            await self._invoke("trigger_airflow", message)

    async def _invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        reader, writer = self.streams
        writer.write(json.dumps([function, event]).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await reader.readline() or '{"statusCode": "died"}')
        if answer.get("statusCode", OK) != OK or answer.get("batchItemFailures"):
            raise StackError(f"{function}: {answer}")
        return answer


@asynccontextmanager
async def run_server(environ: Mapping[str, str], core: int, n_clients: int) -> AsyncIterator[Side]:
    """Run the server that is built ScanHub's way."""
    with Child("requests_server", str(core), **environ) as child:
        address = await asyncio.to_thread(child.read)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://{address}{BASE_PATH}/"
        # Loopback only: a proxy of the environment must not come in between.
        client = httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=60)
        async with client:
            yield Side([HttpCaller(client)] * n_clients, psutil.Process(child.pid))


@asynccontextmanager
async def run_environments(
    environ: Mapping[str, str], core: int, n_clients: int
) -> AsyncIterator[Side]:
    """Run our functions in as many execution environments as there are clients."""
    hello = Sample("hello", "trailing_slash").load()
    with TemporaryDirectory() as folder:
        path = str(Path(folder, "socket"))
        with Child("requests_environments", str(core), path, str(n_clients), **environ) as child:
            await asyncio.to_thread(child.read)
            every = [
                await asyncio.open_unix_connection(path, limit=MAX_LINE_BYTES)
                for _ in range(n_clients)
            ]
            callers = [EnvironmentCaller(each, hello) for each in every]
            yield Side(callers, psutil.Process(child.pid))
