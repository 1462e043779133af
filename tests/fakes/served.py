"""What answers httpx in a test, as a server that another process can reach."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from sys import exception
from threading import Thread
from typing import Any

import httpx

Answer = Callable[[httpx.Request], httpx.Response]
TIMEOUT_S = 60
HOP_BY_HOP = frozenset({"connection", "content-length", "transfer-encoding"})


class Server(ThreadingHTTPServer):
    # A client opens eight connections at once; the kernel makes those beyond the queue wait 1 s.
    request_queue_size = 64
    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.errors: list[BaseException] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = exception()
        # Of a client that was killed, say.
        if error is not None and not isinstance(error, ConnectionError):
            self.errors.append(error)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT_S
    # Head and body in one packet: the client's kernel would wait 40 ms in between.
    wbufsize = -1
    server: Server

    def handle_any(self) -> None:
        size_bytes = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size_bytes)
        if len(body) < size_bytes:
            raise ConnectionAbortedError
        url = f"http://{self.headers['Host']}{self.path}"
        request = httpx.Request(self.command, url, headers=self.headers.items(), content=body)
        try:
            answer = self.server.answer(request)
        except httpx.TransportError:
            # As under httpx.MockTransport: the connection breaks.
            raise ConnectionAbortedError from None
        self.send_response_only(answer.status_code)
        for name, value in answer.headers.multi_items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = handle_any  # noqa: N815 - http.server's names


@contextmanager
def serve(answer: Answer) -> Iterator[str]:
    """Serve on loopback; yield the URL. What `answer` raises is raised at the end."""
    with Server(answer) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
    if server.errors:
        raise server.errors[0]
