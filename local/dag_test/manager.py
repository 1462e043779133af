"""The workflow manager of one run: takes what the DAG tells by the real one's rules, and says it.

It also gives the run its conf, and hears from Airflow's process how that has ended.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import ValidationError

from local.config import HOST, StackError
from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.dag_run_conf import dag_run_conf
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.result import Result
from workflow_manager.services.receive_results import (
    Callback,
    collect_results,
    find_failure_reason,
)

# The longest body that the API takes.
_MAX_BODY_BYTES = 6 * 2**20


@dataclass
class Manager:
    """Hears one run.

    Attributes
    ----------
    make_run
        Makes the run of what Airflow found in the file, and the inputs of its conf; raises
        ``StackError`` if there is to be none.
    show
        Prints a line.
    reason
        Why the run has failed, as the DAG told; None: it succeeded, or has not ended.
    ended
        What Airflow's process told in the end.
    """

    make_run: Callable[[Mapping[str, Any]], tuple[DagRun, list[dict[str, Any]]]]
    show: Callable[[str], None]
    run: DagRun | None = None
    refusal: str | None = None
    outcome: Callback | None = None
    reason: str | None = None
    results: tuple[Result, ...] = ()
    ended: Mapping[str, Any] | None = None
    url: str = ""
    _started_s: float = 0.0
    _token: str = field(default_factory=secrets.token_urlsafe, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def begin(self, found: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the conf of the run, or None if the file is refused."""
        try:
            self.run, inputs = self.make_run(found)
        except StackError as error:
            self.refusal = str(error)
            return None
        self._started_s = time.monotonic()
        self.say("Airflow starts it.")
        token = f"{self.run.dag_run_id}.{self._token}"
        return dag_run_conf(self.run, inputs, f"{self.url}/results_ready/", token)

    def say(self, text: str) -> None:
        """Print a line with the time since the start."""
        self.show(f"{time.monotonic() - self._started_s:6.1f} s  {text}")

    def hear(self, token: str, body: bytes) -> tuple[int, str]:
        """Take a report of the DAG; return status and detail as the workflow manager would."""
        with self._lock:
            status, detail = self._judge(token, body)
        if status >= 400:
            self.say(f"The workflow manager refuses a report with {status}: {detail}")
        return status, detail

    def _judge(self, token: str, body: bytes) -> tuple[int, str]:
        run = self.run
        if run is None or not secrets.compare_digest(token, f"{run.dag_run_id}.{self._token}"):
            return 401, "Invalid token."
        try:
            callback = Callback.model_validate_json(body)
            reason, results = find_failure_reason(run, callback), collect_results(run, callback)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "body"
            return 422, f"{place}: {first['msg']}."
        except InvalidInputError as error:
            return 400, str(error)
        if callback.is_progress:
            self.say(f"progress: {callback.progress} %")
            return 200, ""
        if self.outcome is not None:
            is_same = callback.outcome_hash == self.outcome.outcome_hash
            return (200, "") if is_same else (409, "The run has ended before, by another outcome.")
        self.outcome, self.reason, self.results = callback, reason, results
        self.say(self._describe(callback))
        return 200, ""

    def _describe(self, callback: Callback) -> str:
        if callback.success is False:
            return f"failure: {self.reason}"
        plural = "" if len(self.results) == 1 else "s"
        engine = callback.engine
        made_by = f", made by {engine.name} {engine.version or ''}".rstrip() if engine else ""
        return f"success: {len(self.results)} result{plural}{made_by}"


def make_dag_run(dag_id: str, bucket: str, **fields: Any) -> DagRun:
    """Return a run as the workflow manager would make it now."""
    now = datetime.now(UTC)
    ids = {"dag_run_id": secrets.token_hex(10), "dag_id": dag_id, "bucket": bucket}
    times = {"next_attempt_at": now, "created_at": now, "deadline": now + timedelta(hours=2)}
    return DagRun.model_validate({**ids, **times, **fields})


@contextmanager
def serve(manager: Manager) -> Iterator[None]:
    """Let a manager answer at its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if length > _MAX_BODY_BYTES:
                self._answer(413, {"detail": "The report is too long."})
                return
            body = self.rfile.read(length)
            if self.path == "/found":
                self._answer(200, manager.begin(json.loads(body)))
            elif self.path == "/ended":
                manager.ended = json.loads(body)
                self._answer(200, None)
            elif self.path == "/results_ready/":
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                status, detail = manager.hear(token, body)
                self._answer(status, {"detail": detail})
            else:
                self._answer(404, {"detail": "Not Found"})

        def _answer(self, status: int, content: Any) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        manager.url = f"http://{HOST}:{server.server_address[1]}"
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
