"""Lambda's execution environments: processes that run the real functions, one event at a time.

    python -m benchmarks.requests_environments CORE SOCKET COUNT

All of them on one core. They are forks of one process that has imported the functions; clients of
AWS and of ScanHub are made by each for itself, with its first event. Each takes one connection of
the socket and answers JSON lines (`function`, `event`) with the function's answer, or, where they
name none, with the processor time taken so far [s].
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.process_usage import cpu_s
from tests.fakes.lambda_context import FakeLambdaContext

FUNCTIONS = ("hello", "trigger_task", "trigger_airflow")
TRACE_ID = "Root=1-6742f0a1-1b2c3d4e5f60718293a4b5c6;Parent=53995c3f42cd8ad8;Sampled=0"

Handlers = dict[str, Callable[[dict[str, Any], object], dict[str, Any]]]


def serve(connection: socket.socket, handlers: Handlers) -> None:
    """Answer the events of a connection until it ends."""
    with connection, connection.makefile("rwb") as stream:
        for line in stream:
            request = json.loads(line)
            answer: object = cpu_s()
            if name := request["function"]:
                answer = handlers[name](request["event"], FakeLambdaContext())
            stream.write(json.dumps(answer).encode() + b"\n")
            stream.flush()


def main() -> None:
    """Say that connections are awaited, and run environments until they have ended."""
    core, path, n_environments = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    os.sched_setaffinity(0, {core})
    os.environ["_X_AMZN_TRACE_ID"] = TRACE_ID
    modules = {name: importlib.import_module(f"functions.{name}.app") for name in FUNCTIONS}
    handlers = {name: module.lambda_handler for name, module in modules.items()}
    devnull = os.open(os.devnull, os.O_WRONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(n_environments)
        # The collector would touch, and so copy, all that the forks have in common.
        gc.freeze()
        print("listening", flush=True)
        # The log is written, as on Lambda, and not kept.
        os.dup2(devnull, sys.stdout.fileno())
        for _ in range(n_environments):
            if os.fork() == 0:
                # The loop that Mangum has made shares its file descriptors with all other forks.
                asyncio.set_event_loop(asyncio.new_event_loop())
                connection, _ = listener.accept()
                serve(connection, handlers)
                os._exit(0)
        for _ in range(n_environments):
            os.wait()


if __name__ == "__main__":
    main()
