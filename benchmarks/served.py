"""An application on loopback, in a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from local.scanhub.server import open_socket


@contextmanager
def serve(app: FastAPI, keep_alive_s: int = 5) -> Iterator[int]:
    """Serve as long as the context, which is the port."""
    listener = open_socket(0)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, ws="none", timeout_keep_alive=keep_alive_s
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
