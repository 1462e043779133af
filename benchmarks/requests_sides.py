"""The sides of the benchmark of requests: their processes, and the clients that call them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil

from benchmarks.child import Child
from benchmarks.requests_neighbours import RECONSTRUCTION, SCAN, make_id, make_processed_id
from local.config import ROOT, StackError
from local.samples import SCAN_ID, TOKEN, Sample

BASE_PATH = "/api/v1/workflowmanager"
OK = 200
# The longest line of JSON, which holds an answer.
MAX_LINE_BYTES = 2**20
_HELLO = Sample("hello", "trailing_slash").load()
# The version of the object in the sample.
_VERSION = "096fKKXTRTtl3on89fVO.nfljtsv6qko"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Kind(StrEnum):
    """A kind of request; each is about something of its own, by a number."""

    HELLO = "GET hello"
    SCAN = "POST trigger_task, a scan"
    DAG = "POST trigger_task, a DAG"
    OBJECT = "object to DAG run"

    def make_id(self, number: int) -> str:
        """Return the id of what a request is about."""
        if self is Kind.DAG:
            return make_processed_id(number, RECONSTRUCTION)
        return make_id(number, SCAN)


Caller = Callable[[Kind, str], Awaitable[None]]
"""One client: it asks about what nobody has asked about before, and raises unless it succeeds."""


@dataclass(frozen=True)
class Side:
    """A side that is measured.

    Parameters
    ----------
    name
        As the table shows it.
    callers
        Its clients.
    process
        The parent of those that answer them, or the one that does.
    """

    name: str
    callers: Sequence[Caller]
    process: psutil.Process

    def read_cpu_s(self) -> float:
        """Return the processor time [s] of all processes that answer."""
        all_times = [each.cpu_times() for each in [self.process, *self.process.children()]]
        return sum(times.user + times.system for times in all_times)


def make_event(kind: Kind, id_: str) -> tuple[str, object]:
    """Return the function that a request is for, and the event that it gets."""
    match kind:
        case Kind.HELLO:
            return "hello", _HELLO
        case Kind.OBJECT:
            return "trigger_airflow", Sample("trigger_airflow", "upload_arrived").load(
                {_VERSION: id_}
            )
        case _:
            return "trigger_task", Sample("trigger_task", "device_task").load({SCAN_ID: id_})


async def call_server(client: httpx.AsyncClient, kind: Kind, id_: str) -> None:
    """Send a request over HTTP, on a connection that is kept."""
    is_hello = kind is Kind.HELLO
    method, path = ("GET", "hello/") if is_hello else ("POST", f"trigger_task/{id_}/")
    answer = await client.request(method, path)
    if answer.status_code != OK:
        raise StackError(f"{path}: {answer.text}")


async def call_environment(streams: Streams, kind: Kind, id_: str, *, module: str = "") -> None:
    """Send an event to an execution environment, in the place of API Gateway or SQS.

    Parameters
    ----------
    module
        What answers in the place of the function.
    """
    function, event = make_event(kind, id_)
    reader, writer = streams
    line = json.dumps([module or f"functions.{function}.app", event])
    writer.write(line.encode() + b"\n")
    answer = json.loads(await reader.readline() or '{"statusCode": "died"}')
    if answer.get("statusCode", OK) != OK or answer.get("batchItemFailures"):
        raise StackError(f"{function}: {answer}")


@asynccontextmanager
async def run_server(environ: Mapping[str, str], cores: str, n_clients: int) -> AsyncIterator[Side]:
    """Run the server that is built ScanHub's way."""
    with Child("requests_server", cores, **environ) as child:
        address = await asyncio.to_thread(child.read)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://{address}{BASE_PATH}/"
        # Loopback only: a proxy of the environment must not come in between.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        client = httpx.AsyncClient(
            base_url=url, headers=headers, trust_env=False, timeout=60, limits=limits
        )
        async with client:
            callers = [partial(call_server, client)] * n_clients
            yield Side("ScanHub's way", callers, psutil.Process(child.pid))


@asynccontextmanager
async def start_environments(
    environ: Mapping[str, str], cores: str, n_environments: int, checkout: Path = ROOT
) -> AsyncIterator[tuple[str, int]]:
    """Start execution environments; return the socket that they listen at, and their parent's pid.

    Parameters
    ----------
    n_environments
        With 0, each connection starts one.
    checkout
        Whose functions they run.
    """
    with TemporaryDirectory() as folder:
        path = str(Path(folder, "socket"))
        known = cores, path, str(n_environments), str(checkout)
        # Not this checkout's: the environment itself finds its functions.
        with Child("requests_environment", *known, **{**environ, "PYTHONPATH": ""}) as child:
            await asyncio.to_thread(child.read)
            yield path, child.pid
            child.kill()


async def connect(path: str) -> Streams:
    """Return a connection to an execution environment."""
    return await asyncio.open_unix_connection(path, limit=MAX_LINE_BYTES)


@asynccontextmanager
async def run_environments(
    environ: Mapping[str, str],
    cores: str,
    n_clients: int,
    name: str = "ours",
    checkout: Path = ROOT,
    module: str = "",
) -> AsyncIterator[Side]:
    """Run functions in as many execution environments as there are clients."""
    async with start_environments(environ, cores, n_clients, checkout) as (path, pid):
        every = [await connect(path) for _ in range(n_clients)]
        callers = [partial(call_environment, each, module=module) for each in every]
        yield Side(name, callers, psutil.Process(pid))


def find_old() -> Path | None:
    """Return the older checkout that ``OLD`` names."""
    return Path(os.environ["OLD"]).resolve() if os.environ.get("OLD") else None
