"""An endpoint for S3's multipart uploads that only counts bytes: it stores and hashes nothing."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from local.scanhub.server import open_socket

# One buffer for all connections: each read is counted before the next one begins.
_BUFFER = memoryview(bytearray(1024 * 1024))
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_UPLOAD = re.compile(rb"^\S+ \S+[?&]uploadId=(\d+)")
_PART = re.compile(rb"^PUT \S+[?&]partNumber=(\d+)")
_LISTED = b'<Part><PartNumber>%b</PartNumber><ETag>"%b-%d"</ETag><Size>%d</Size></Part>'
_CREATED = b"<InitiateMultipartUploadResult><UploadId>%d</UploadId></InitiateMultipartUploadResult>"
_COMPLETED = b"<CompleteMultipartUploadResult><Key>raw</Key></CompleteMultipartUploadResult>"


class S3Sink:
    """The state that all connections share: a port of loopback, and the sizes of the parts."""

    port = 0
    n_bytes = 0

    def __init__(self) -> None:
        self._uploads: list[dict[bytes, int]] = []

    def answer(self, head: bytes, size_bytes: int) -> bytes:
        """Return the answer to a request; the ETag of a part is ``"number-size"``."""
        etag = body = b""
        if part := _PART.search(head):
            self.n_bytes += size_bytes
            self._find_parts(head)[part[1]] = size_bytes
            etag = b'ETag: "%b-%d"\r\n' % (part[1], size_bytes)
        elif head.startswith(b"GET "):
            parts = b"".join(
                _LISTED % (n, n, size, size) for n, size in self._find_parts(head).items()
            )
            body = b"<ListPartsResult>%b</ListPartsResult>" % parts
        elif b"uploadId=" in head:
            body = _COMPLETED
        else:
            self._uploads.append({})
            body = _CREATED % len(self._uploads)
        head = b"HTTP/1.1 200 OK\r\nx-amz-request-id: sink\r\n%bContent-Length: %d\r\n\r\n"
        return head % (etag, len(body)) + body

    def _find_parts(self, head: bytes) -> dict[bytes, int]:
        upload = _UPLOAD.search(head)
        return self._uploads[int(upload[1]) - 1] if upload else {}


class _Connection(asyncio.BufferedProtocol):
    def __init__(self, sink: S3Sink) -> None:
        self._sink = sink
        self._head = b""
        self._size = 0
        self._n_missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        if self._n_missing:
            self._n_missing -= nbytes
        else:
            self._head += _BUFFER[:nbytes]
            if b"\r\n\r\n" not in self._head:
                return
            self._head, _, body = self._head.partition(b"\r\n\r\n")
            length = _LENGTH.search(self._head)
            self._size = int(length[1]) if length else 0
            self._n_missing = self._size - len(body)
            if b"100-continue" in self._head:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self._n_missing:
            self._transport.write(self._sink.answer(self._head, self._size))
            self._head = b""


@contextmanager
def run_s3_sink() -> Iterator[S3Sink]:
    """Run a sink in its own thread until its clients are gone."""
    sink = S3Sink()
    listener = open_socket(0)
    sink.port = listener.getsockname()[1]
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(lambda: _Connection(sink), sock=listener))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield sink
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(server.wait_closed())
        loop.close()
