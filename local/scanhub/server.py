"""The web server of the stand-in, whose connections a fault can drop."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.scanhub import control
from local.web_pages import WebPageGuard

HOST = "127.0.0.1"
SHUTDOWN_TIMEOUT_S = 2


class DroppableProtocol(H11Protocol):
    """HTTP/1.1 that hands its connection to the application as ``state["transport"]``."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def open_socket(port: int) -> socket.socket:
    """Return a listening socket on loopback; port 0 takes a free one."""
    # Only with a named protocol does asyncio switch off Nagle's delay (40 ms an answer).
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def make_server(app: ASGIApp) -> uvicorn.Server:
    """Return a server for the stand-in, to run on a socket of `open_socket`."""
    config = uvicorn.Config(
        WebPageGuard(app, control.PATH),
        http=DroppableProtocol,
        ws="wsproto",
        lifespan="on",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
    )
    return uvicorn.Server(config)


@contextmanager
def serve(app: ASGIApp, listener: socket.socket) -> Iterator[str]:
    """Serve in a thread during the context, whose value is ``host:port``."""
    server = make_server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"{HOST}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
