"""A server that answers, and does not come to an end: too slowly, or with too much."""

import gzip
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, repeat
from threading import Event, Thread
from typing import Self

# How long a second takes.
PAUSE_S = 0.005
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"10000\r\n" + b" " * 65_536 + b"\r\n"
BOMB = gzip.compress(b" " * 50_000_000)

Tick = Callable[[], None]


@dataclass(frozen=True)
class Answer:
    """A beginning, and what follows for ever.

    Attributes
    ----------
    is_slow
        Whether it comes at a byte a second, and not as fast as it is taken.
    """

    begin: bytes
    goes_on: bytes
    is_slow: bool = True

    def pieces(self) -> Iterator[bytes]:
        everything = chain([self.begin], repeat(self.goes_on) if self.goes_on else ())
        if not self.is_slow:
            return everything
        return (piece[at : at + 1] for piece in everything for at in range(len(piece)))


SLOW: dict[str, Answer] = {
    "head": Answer(b"HTTP/1.1 200 OK\r\nX-Proxy: ", b"a"),
    "many heads": Answer(HEAD, b"A: b\r\n"),
    "body": Answer(HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
    "chunks": Answer(CHUNKED, b"1\r\n \r\n"),
}
HUGE: dict[str, Answer] = {
    "chunks": Answer(CHUNKED, CHUNK, is_slow=False),
    "body": Answer(HEAD + b"Content-Length: 1000000000000\r\n\r\n", b" " * 65_536, is_slow=False),
}
PACKED = Answer(
    HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB,
    b"",
    is_slow=False,
)
# The announcement of a handshake's record, which never becomes whole.
HANDSHAKE = Answer(b"\x16\x03\x03\x40\x00", b"\x02")


class Server:
    """Serves on loopback.

    Parameters
    ----------
    answer
        To each request.
    tick
        Is told of each second.
    """

    def __init__(self, answer: Answer, tick: Tick = lambda: None) -> None:
        self._answer, self._tick = answer, tick
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._stop = Event()
        self._threads: list[Thread] = []
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.n_connections = 0

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        # Wakes the thread that accepts.
        self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        self._threads.append(Thread(target=target, args=args))
        self._threads[-1].start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                break
            self.n_connections += 1
            self._start(self._send, connection)

    def _send(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(1)
            connection.recv(65_536)
            for piece in self._answer.pieces():
                if self._answer.is_slow:
                    self._stop.wait(PAUSE_S)
                    self._tick()
                # The client goes, as it should, and then this fails.
                connection.sendall(piece)
                if self._stop.is_set():
                    break
