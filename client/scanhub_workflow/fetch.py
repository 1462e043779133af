"""Fetch one file of a run from S3, as often as it takes, from where it broke off."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import httpx

from scanhub_workflow.at_once import StoppedError
from scanhub_workflow.errors import DownloadInterruptedError
from scanhub_workflow.files import CHUNK_SIZE_BYTES
from scanhub_workflow.progress import Meter
from scanhub_workflow.retry import Retry
from scanhub_workflow.storage import EXPIRED, PASSING, describe_refusal
from scanhub_workflow.targets import PartFile, Target

_WHOLE, _PART = httpx.codes.OK, httpx.codes.PARTIAL_CONTENT
# The object is another one now, or shorter than what is here already.
_CHANGED = frozenset({412, 416})


class GoneError(Exception):
    """The file cannot be had any more; the argument says why."""


@dataclass(frozen=True)
class Fetcher:
    """Fetches files of one run, in any number of threads.

    Parameters
    ----------
    http
        For S3: without a token, for S3 refuses a request with two kinds of credentials.
    retry
        How often to ask for each file.
    renew
        Returns a fresh URL, given the key and the URL that S3 refused.
    meter
        Is told what comes and, below zero, what came in vain.
    """

    http: httpx.Client = field(repr=False)
    retry: Retry
    renew: Callable[[str, str], str]
    meter: Meter
    stop: threading.Event = field(default_factory=threading.Event)

    def fetch(self, target: Target, url: str) -> None:
        """Fetch a file, unless it turns out to be there.

        Parameters
        ----------
        target
            Where it belongs.
        url
            Where it can be had.

        Raises
        ------
        DownloadError
            S3 refused it or could not be reached, or it cannot be written.
        GoneError
            It cannot be had any more.
        NoSpaceError
            The disk is full.
        """
        n_failed = 0
        with PartFile(target.folder, target.path) as part:
            transfer = _Transfer(target, part, self.meter, self.stop)
            while True:
                n_bytes = transfer.n_bytes
                refusal = self._try(url, transfer)
                if transfer.is_done:
                    transfer.finish()
                    return
                # An attempt that got further is none of those that are bounded: the file is.
                n_failed = 1 if transfer.n_bytes >= n_bytes + CHUNK_SIZE_BYTES else n_failed + 1
                self._check(refusal, n_failed, transfer)
                self.retry.wait(n_failed)
                if refusal is not None and refusal.status_code in EXPIRED:
                    url = self.renew(target.key, url)

    def _try(self, url: str, transfer: _Transfer) -> httpx.Response | None:
        if self.stop.is_set():
            raise StoppedError
        try:
            with self.http.stream("GET", url, headers=transfer.make_headers()) as answer:
                if answer.status_code in (_WHOLE, _PART):
                    transfer.take(answer)
                    return None
                answer.read()
                return answer
        except httpx.TransportError:
            return None

    def _check(self, refusal: httpx.Response | None, n_failed: int, transfer: _Transfer) -> None:
        is_last = n_failed >= self.retry.n_attempts
        if refusal is None:
            if is_last:
                cause = "S3 could not be reached, broke off, or sent another file than it listed."
                raise DownloadInterruptedError(cause)
            return
        status = refusal.status_code
        if status == httpx.codes.NOT_FOUND:
            transfer.forget()
            raise GoneError("There is no such file in the data lake any more.")
        if status in _CHANGED:
            transfer.etag = ""
        if is_last or status not in PASSING | EXPIRED | _CHANGED:
            raise DownloadInterruptedError(describe_refusal(refusal))


class _Transfer:
    # One file on its way. What has come is gone on with while S3 can say that it is of the same
    # object: by the ETag of the first answer.
    def __init__(self, target: Target, part: PartFile, meter: Meter, stop: threading.Event) -> None:
        self.etag = ""
        self.is_done = False
        self._target = target
        self._part = part
        self._meter = meter
        self._stop = stop
        self.n_bytes = 0
        self._n_told = 0
        self._is_there = False

    def make_headers(self) -> dict[str, str]:
        # Else a proxy may pack it, and its size is another.
        headers = {"Accept-Encoding": "identity"}
        if self.n_bytes and self.etag:
            headers |= {"Range": f"bytes={self.n_bytes}-", "If-Match": self.etag}
        return headers

    def take(self, answer: httpx.Response) -> None:
        if answer.status_code == _WHOLE:
            self._begin(answer)
            if self._is_there:
                return
        elif not answer.headers.get("Content-Range", "").startswith(f"bytes {self.n_bytes}-"):
            self.etag = ""
            return
        # As it comes, not by chunks: what came before it broke off counts, and so does a stop.
        for piece in answer.iter_raw():
            self._write(piece)
            if self.n_bytes > (self._target.size_bytes or 0):
                self.etag = ""
                return
        self._tell()
        self.is_done = self.n_bytes == self._target.size_bytes

    def finish(self) -> None:
        if not self._is_there:
            self._part.publish()
        self._meter.add(n_done=1)

    def forget(self) -> None:
        self._meter.add(done_bytes=-self._n_told)

    def _begin(self, answer: httpx.Response) -> None:
        if self.n_bytes:
            self.forget()
            self._part.restart()
            self.n_bytes = self._n_told = 0
        etag = answer.headers.get("ETag", "")
        # If-Match takes no weak one.
        self.etag = "" if etag.startswith("W/") else etag
        if self._target.size_bytes is None:
            self._learn_size(answer)

    def _learn_size(self, answer: httpx.Response) -> None:
        # S3 always tells it; without it, a short read could not be seen.
        size_bytes = int(answer.headers.get("Content-Length", 0))
        self._target = replace(self._target, size_bytes=size_bytes)
        self._meter.add(size_bytes=size_bytes)
        if self._target.is_there():
            self._is_there = self.is_done = True
            self._meter.add(done_bytes=size_bytes)

    def _write(self, piece: bytes) -> None:
        if self._stop.is_set():
            raise StoppedError
        self._part.write(piece)
        self.n_bytes += len(piece)
        if self.n_bytes - self._n_told >= CHUNK_SIZE_BYTES:
            self._tell()

    def _tell(self) -> None:
        if self.n_bytes > self._n_told:
            self._meter.add(done_bytes=self.n_bytes - self._n_told)
            self._n_told = self.n_bytes
