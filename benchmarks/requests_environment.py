"""Lambda's execution environments: processes that run the real functions, one event at a time.

    python -m benchmarks.requests_environment CORES SOCKET COUNT CHECKOUT

All run on the same cores. They are forks of one process that has imported the functions; each makes
its own clients of AWS and ScanHub with its first event. Each takes one connection of the socket and
answers JSON lines (function and event) with the function's answer. With a COUNT of 0, each
connection starts an environment that imports its function with its first event, as a cold start
does; nothing but Python's own modules is imported before.
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

FUNCTIONS = ("functions.hello.app", "functions.trigger_task.app", "functions.trigger_airflow.app")
FLOOR = "benchmarks.requests_floor"
TRACE_ID = "Root=1-6742f0a1-1b2c3d4e5f60718293a4b5c6;Parent=53995c3f42cd8ad8;Sampled=0"


class Context:
    """What Lambda hands to a handler beside the event."""

    function_name = "function"
    function_version = "$LATEST"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:function"
    aws_request_id = "52fdfc07-2182-154f-163f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:
        """Return the time that is left [ms]."""
        return 29_000


def serve(connection: socket.socket) -> None:
    """Answer the events of a connection until it ends."""
    # The event loop that Mangum has made shares its file descriptors with all other forks.
    asyncio.set_event_loop(asyncio.new_event_loop())
    with connection, connection.makefile("rwb") as stream:
        for line in stream:
            name, event = json.loads(line)
            handler = importlib.import_module(name).lambda_handler
            stream.write(json.dumps(handler(event, Context())).encode() + b"\n")
            stream.flush()


def run_warm(listener: socket.socket, n_environments: int) -> None:
    """Run so many environments until the input ends."""
    for name in (*FUNCTIONS, FLOOR):
        importlib.import_module(name)
    # The garbage collector would write to all memory that the forks share, and so copy it.
    gc.freeze()
    _tell_and_mute()
    pids = []
    for _ in range(n_environments):
        pids.append(os.fork())
        if pids[-1] == 0:
            serve(listener.accept()[0])
            os._exit(0)
    sys.stdin.read()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def run_cold(listener: socket.socket) -> None:
    """Start an environment for each connection, until this process is ended."""
    # As Lambda tells its functions, which hold something back at their start then.
    os.environ["AWS_LAMBDA_FUNCTION_NAME"] = Context.function_name
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _tell_and_mute()
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            serve(connection)
            os._exit(0)
        connection.close()


def _tell_and_mute() -> None:
    print(json.dumps("listening"), flush=True)
    # The log is written, as on Lambda, but to nowhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(cores: str, path: str, n_environments: int, checkout: str) -> None:
    """Tell that connections are accepted, and run environments."""
    os.sched_setaffinity(0, map(int, cores.split(",")))
    os.environ["_X_AMZN_TRACE_ID"] = TRACE_ID
    sys.path[:0] = [checkout, f"{checkout}/layers/workflow_manager"]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(max(n_environments, 100))
        if n_environments:
            run_warm(listener, n_environments)
        else:
            run_cold(listener)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
