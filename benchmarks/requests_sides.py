"""The two sides of the benchmark of requests: their processes, and the clients that call them.

    python -m benchmarks.requests_sides CORE SOCKET COUNT

runs Lambda's execution environments: processes that run the real functions, one event at a time,
all on one core. They are forks of one process that has imported the functions; each makes its own
clients of AWS and ScanHub with its first event. Each takes one connection of the socket and answers
JSON lines (function and event) with the function's answer.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil

from benchmarks.child import Child, tell
from local.config import StackError
from local.samples import SCAN_ID, TOKEN, Sample
from tests.fakes.lambda_context import FakeLambdaContext

BASE_PATH = "/api/v1/workflowmanager"
OK = 200
# The longest line of JSON, which holds an answer.
MAX_LINE_BYTES = 2**20
FUNCTIONS = ("hello", "trigger_task")
_HELLO = Sample("hello", "trailing_slash").load()
TRACE_ID = "Root=1-6742f0a1-1b2c3d4e5f60718293a4b5c6;Parent=53995c3f42cd8ad8;Sampled=0"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Kind(StrEnum):
    """A kind of request."""

    HELLO = "GET hello"
    SCAN = "POST trigger_task, a scan"


Caller = Callable[[Kind, str], Awaitable[None]]
"""One client: it asks about a task that nobody has started, and raises unless it succeeds."""


@dataclass(frozen=True)
class Side:
    """A side that is measured: its clients, and the process that answers them."""

    callers: Sequence[Caller]
    process: psutil.Process

    def read_cpu_s(self) -> float:
        """Return the processor time [s] of all processes that answer."""
        all_times = [each.cpu_times() for each in [self.process, *self.process.children()]]
        return sum(times.user + times.system for times in all_times)


async def call_server(client: httpx.AsyncClient, kind: Kind, task_id: str) -> None:
    """Send a request over HTTP, on a connection that is kept."""
    is_hello = kind is Kind.HELLO
    method, path = ("GET", "hello/") if is_hello else ("POST", f"trigger_task/{task_id}/")
    answer = await client.request(method, path)
    if answer.status_code != OK:
        raise StackError(f"{path}: {answer.text}")


async def call_environment(streams: Streams, kind: Kind, task_id: str) -> None:
    """Send an event to an execution environment, in the place of API Gateway."""
    function, event = "hello", _HELLO
    if kind is Kind.SCAN:
        function = "trigger_task"
        event = Sample(function, "device_task").load({SCAN_ID: task_id})
    reader, writer = streams
    writer.write(json.dumps([function, event]).encode() + b"\n")
    answer = json.loads(await reader.readline() or '{"statusCode": "died"}')
    if answer["statusCode"] != OK:
        raise StackError(f"{function}: {answer}")


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
            yield Side([partial(call_server, client)] * n_clients, psutil.Process(child.pid))


@asynccontextmanager
async def run_environments(
    environ: Mapping[str, str], core: int, n_clients: int
) -> AsyncIterator[Side]:
    """Run our functions in as many execution environments as there are clients."""
    with TemporaryDirectory() as folder:
        path = str(Path(folder, "socket"))
        with Child("requests_sides", str(core), path, str(n_clients), **environ) as child:
            await asyncio.to_thread(child.read)
            every = [
                await asyncio.open_unix_connection(path, limit=MAX_LINE_BYTES)
                for _ in range(n_clients)
            ]
            callers = [partial(call_environment, each) for each in every]
            yield Side(callers, psutil.Process(child.pid))


def serve(listener: socket.socket) -> None:
    """Answer the events of a connection until it ends."""
    # The event loop that Mangum has made shares its file descriptors with all other forks.
    asyncio.set_event_loop(asyncio.new_event_loop())
    connection, _ = listener.accept()
    with connection, connection.makefile("rwb") as stream:
        for line in stream:
            name, event = json.loads(line)
            handler = sys.modules[f"functions.{name}.app"].lambda_handler
            stream.write(json.dumps(handler(event, FakeLambdaContext())).encode() + b"\n")
            stream.flush()


def main(core: int, path: str, n_environments: int) -> None:
    """Tell that connections are accepted, and run environments until the input ends."""
    os.sched_setaffinity(0, {core})
    os.environ["_X_AMZN_TRACE_ID"] = TRACE_ID
    for name in FUNCTIONS:
        importlib.import_module(f"functions.{name}.app")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(n_environments)
        # The garbage collector would write to all memory that the forks share, and so copy it.
        gc.freeze()
        tell("listening")
        # The log is written, as on Lambda, but to nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        pids = []
        for _ in range(n_environments):
            pids.append(os.fork())
            if pids[-1] == 0:
                serve(listener)
                os._exit(0)
        sys.stdin.read()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
