"""Lambda's execution environments: processes that run the real functions, one event at a time.

    python -m benchmarks.requests_environments CORE SOCKET COUNT

All of them run on one core. They are forks of one process that has imported the functions; each
makes its own clients of AWS and ScanHub with its first event. Each takes one connection of the
socket and answers JSON lines (function and event) with the function's answer.
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

from benchmarks.child import tell
from tests.fakes.lambda_context import FakeLambdaContext

FUNCTIONS = ("hello", "trigger_task", "trigger_airflow")
TRACE_ID = "Root=1-6742f0a1-1b2c3d4e5f60718293a4b5c6;Parent=53995c3f42cd8ad8;Sampled=0"


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
