"""Processor time of a warm POST around the use case: adapter, framework, log and metrics.

    python -m benchmarks.requests_overhead reference|ours N

The use case is one line of the log, one metric and a ready answer. The reference's POST
(`benchmarks/reference/app.py`) is just that; in `trigger_task` it replaces the service function.
The reference is imported as `app`, from the folder that it was installed to. Prints the time of a
request [µs].
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.requests_environments import TRACE_ID
from tests.fakes.lambda_context import FakeLambdaContext

TASK_ID = "0d9f6a52-53c5-4d0c-8d2c-7a3f3f0b2c02"
N_WARM_UP = 100
EVENT = Path(__file__).parents[1] / "events" / "trigger_task" / "device_task.json"
# These variables tell Powertools that it is on Lambda; else it does not trace. X-Ray's daemon is
# absent here, but it takes segments by UDP, so nobody waits for it on Lambda either.
ENVIRON = {
    "LAMBDA_TASK_ROOT": "/var/task",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
    "POWERTOOLS_LOG_LEVEL": "INFO",
}

Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def _load_reference(event: dict[str, Any]) -> Handler:
    """Return the reference's handler, and make the event one for it."""
    body = {"name": "scan", "type": "DEVICE_TASK_SDK", "args": {"sequence_id": "1"}}
    event |= {"path": f"/trigger_task/{TASK_ID}", "body": json.dumps(body)}
    event["headers"]["Content-Type"] = "application/json"
    event["multiValueHeaders"]["Content-Type"] = ["application/json"]
    handler: Handler = importlib.import_module("app").lambda_handler
    return handler


def _load_ours() -> Handler:
    """Return the handler of `trigger_task`, with its use case replaced."""
    from workflow_manager.domain.task import Task
    from workflow_manager.observability import MetricUnit, logger, metrics

    now = datetime.now(UTC)
    ids = {"workflow_id": "5b1d2a34-8f0e-4a77-9d4e-0c6f8f6f1a01", "task_id": TASK_ID}
    times = {"defined_at": "2026-11-23T20:01:00", "deadline": now, "updated_at": now}
    state = {"task_type": "DEVICE_TASK_SDK", "status": "IN_PROGRESS", "attempt": 1}
    task = Task.model_validate(ids | times | state)

    def answer_at_once(*_: object) -> Task:
        metrics.add_metric("ScansStarted", MetricUnit.Count, 1)
        logger.info("scan started", extra={"task_id": TASK_ID, "attempt": 1})
        return task

    module = importlib.import_module("functions.trigger_task.app")
    # Replace the name in the function's module; mypy knows the names of no module object.
    module.use_case = answer_at_once  # type: ignore[attr-defined]
    handler: Handler = module.lambda_handler
    return handler


def main(side: str, n_requests: int) -> None:
    """Measure one side."""
    os.environ["_X_AMZN_TRACE_ID"] = TRACE_ID.replace("Sampled=0", "Sampled=1")
    # The log is written, as on Lambda, but to nowhere; loggers take the stream at import.
    results, sys.stdout = sys.stdout, Path(os.devnull).open("w")
    event, context = json.loads(EVENT.read_text()), FakeLambdaContext()
    handler = _load_reference(event) if side == "reference" else _load_ours()
    for _ in range(N_WARM_UP):
        if handler(event, context)["statusCode"] != 200:
            sys.exit("The handler does not answer 200.")
    started_s = time.process_time()
    for _ in range(n_requests):
        handler(event, context)
    print((time.process_time() - started_s) / n_requests * 1e6, file=results)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
