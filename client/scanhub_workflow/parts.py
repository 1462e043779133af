"""Send one part of a file to S3, as often as it takes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx

from scanhub_workflow.at_once import StoppedError
from scanhub_workflow.errors import (
    OtherFileError,
    UploadClosedError,
    UploadError,
    UploadInterruptedError,
    UploadRefusedError,
)
from scanhub_workflow.files import Crc64Nvme, FilePart, encode_crc
from scanhub_workflow.models import PartView, PresentPartView
from scanhub_workflow.retry import Retry
from scanhub_workflow.storage import EXPIRED, PASSING, describe_refusal


@dataclass(frozen=True)
class SentPart:
    """A part that S3 holds.

    Parameters
    ----------
    crc
        CRC-64/NVME of the file's own bytes.
    """

    part_number: int
    size_bytes: int
    etag: str
    crc: int


@dataclass(frozen=True)
class PartSender:
    """Sends parts of one upload, in any number of threads.

    Parameters
    ----------
    http
        For S3: without a token, for S3 refuses a request with two kinds of credentials.
    retry
        How often to send each part.
    sign
        Returns a fresh URL for a part, by number, or the part, if S3 has it already.
    tell
        Is told how many bytes went out or, below zero, were sent in vain.
    """

    upload_id: str
    http: httpx.Client = field(repr=False)
    retry: Retry
    sign: Callable[[int], PartView | PresentPartView]
    tell: Callable[[int], None]
    stop: threading.Event = field(default_factory=threading.Event)

    def send(self, part: PartView, content: FilePart) -> SentPart:
        """Send a part.

        Parameters
        ----------
        part
            Where it goes.
        content
            What it is.

        Raises
        ------
        UploadError
            S3 refused it, or could not be reached.
        FileMismatchError
            The file is not any more what it was.
        """
        n_failed = 0
        while True:
            attempt = _Attempt(self, content)
            answer = attempt.put(part.url)
            if answer is not None and attempt.is_done(answer):
                return attempt.result(part.part_number, answer.headers["ETag"])
            attempt.take_back()
            n_failed += 1
            if error := self._find_error(answer, n_failed):
                raise error
            self.retry.wait(n_failed)
            if answer is not None and answer.status_code in EXPIRED:
                renewed = self.sign(part.part_number)
                if isinstance(renewed, PresentPartView):
                    return self.adopt(renewed, content)
                part = renewed

    def adopt(self, part: PresentPartView, content: FilePart) -> SentPart:
        """Return a part that S3 holds, after comparing it with the file.

        Parameters
        ----------
        part
            As S3 has it.
        content
            What it should be; read once.

        Raises
        ------
        OtherFileError
            S3 has something else.
        FileMismatchError
            The file is not any more what it was.
        """
        attempt = _Attempt(self, content)
        for _ in attempt.read():
            pass
        if part.crc64nvme not in (None, encode_crc(attempt.crc.value)):
            difference = f"part {part.part_number} has another content"
            raise OtherFileError(self.upload_id, difference)
        return attempt.result(part.part_number, part.etag)

    def _find_error(self, answer: httpx.Response | None, n_failed: int) -> UploadError | None:
        is_last = n_failed >= self.retry.n_attempts
        if answer is None:
            cause = "S3 could not be reached, or broke off."
            return UploadInterruptedError(self.upload_id, cause) if is_last else None
        status = answer.status_code
        if status == httpx.codes.NOT_FOUND:
            return UploadClosedError(self.upload_id)
        if is_last and status in PASSING:
            return UploadInterruptedError(self.upload_id, f"S3 answered {status}.")
        if is_last and answer.is_success:
            return UploadRefusedError(self.upload_id, "S3 received something else than was sent.")
        if is_last or not (answer.is_success or status in PASSING | EXPIRED):
            return UploadRefusedError(self.upload_id, describe_refusal(answer))
        return None


class _Attempt:
    # Reads a part once: its CRC costs no second pass, and progress can be taken back.
    def __init__(self, sender: PartSender, content: FilePart) -> None:
        self.crc = Crc64Nvme()
        self._sender = sender
        self._content = content
        self._n_told = 0

    def put(self, url: str) -> httpx.Response | None:
        # S3 takes no body of unknown length, and httpx does not know that of an iterator.
        headers = {"Content-Length": str(self._content.size_bytes)}
        try:
            return self._sender.http.put(url, content=self.read(), headers=headers)
        except httpx.TransportError:
            return None

    def read(self) -> Iterator[bytes]:
        for chunk in self._content.read():
            if self._sender.stop.is_set():
                raise StoppedError
            self.crc.add(chunk)
            self._n_told += len(chunk)
            self._sender.tell(len(chunk))
            yield chunk

    def take_back(self) -> None:
        if self._n_told:
            self._sender.tell(-self._n_told)

    def is_done(self, answer: httpx.Response) -> bool:
        received = answer.headers.get("x-amz-checksum-crc64nvme")
        is_same = received in (None, encode_crc(self.crc.value))
        is_whole = self._n_told == self._content.size_bytes
        return answer.is_success and "ETag" in answer.headers and is_whole and is_same

    def result(self, part_number: int, etag: str) -> SentPart:
        return SentPart(part_number, self._content.size_bytes, etag, self.crc.value)
