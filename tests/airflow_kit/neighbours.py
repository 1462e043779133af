"""What a DAG speaks to, over HTTP: the data lake, and the workflow manager."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from workflow_manager.services.receive_results import Callback

_NOT_FOUND = b"<Error><Code>NoSuchKey</Code></Error>"


@dataclass
class Neighbours:
    """The objects of the data lake by path, and what each run has told; a run ends once."""

    objects: dict[str, bytes] = field(default_factory=dict)
    told: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    url: str = ""

    def hear(self, dag_run_id: str, body: bytes) -> int:
        callback = Callback.model_validate_json(body)
        self.told.setdefault(dag_run_id, []).append(json.loads(body))
        if callback.is_progress:
            return 200
        if dag_run_id in self.ended:
            return 409
        self.ended.add(dag_run_id)
        return 200


@contextmanager
def serve() -> Iterator[Neighbours]:
    """Yield the neighbours while they answer."""
    neighbours = Neighbours()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _read(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"]))

        def do_GET(self) -> None:
            body = neighbours.objects.get(self.path)
            self._answer(404 if body is None else 200, _NOT_FOUND if body is None else body)

        def do_PUT(self) -> None:
            neighbours.objects[self.path] = self._read()
            self._answer(200)

        def do_POST(self) -> None:
            token = self.headers["Authorization"].removeprefix("Bearer ")
            self._answer(neighbours.hear(token.partition(".")[0], self._read()))

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        neighbours.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield neighbours
        finally:
            server.shutdown()
            thread.join()
