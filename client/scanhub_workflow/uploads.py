"""Upload a file of any size: in parts, several at once, and from where it broke off."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from scanhub_workflow import errors
from scanhub_workflow.at_once import run_at_once
from scanhub_workflow.files import (
    FileMismatchError,
    FilePart,
    Fingerprint,
    check_file,
    combine_crcs,
    encode_crc,
)
from scanhub_workflow.models import (
    CompletedUpload,
    CreateUploadBody,
    Part,
    PartView,
    PresentPartView,
    UploadState,
    UploadView,
)
from scanhub_workflow.parts import PartSender, SentPart
from scanhub_workflow.retry import Retry
from scanhub_workflow.upload_operations import UploadOperations

N_AT_ONCE = 8

_Job = Callable[[], SentPart]


def make_traceparent() -> str:
    """Return a fresh trace (https://www.w3.org/TR/trace-context/), not sampled."""
    return f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-00"


@dataclass(frozen=True)
class UploadProgress:
    """How far an upload has come.

    Parameters
    ----------
    upload_id
        To resume it by.
    sent_bytes
        Of the whole; less than before where a part has to be sent again.
    size_bytes
        The whole.
    """

    upload_id: str
    sent_bytes: int
    size_bytes: int


OnProgress = Callable[[UploadProgress], None]


@dataclass(frozen=True)
class Uploader:
    """Uploads files.

    Parameters
    ----------
    api
        Plans and completes uploads.
    http
        For S3: without a token.
    retry
        How often to send each part.
    """

    api: UploadOperations = field(repr=False)
    http: httpx.Client = field(repr=False)
    retry: Retry

    def begin(
        self,
        path: Path,
        dag_id: str | None,
        task_id: str | None,
        *,
        told_name: str = "",
        idempotency_key: str = "",
    ) -> FileUpload:
        """Plan the upload of a file.

        Parameters
        ----------
        path
            The file.
        dag_id, task_id
            What it is for: one of the two.
        told_name
            What the API is told in place of the file's own name.
        idempotency_key
            The same one plans no second upload for a day.
        """
        fingerprint = check_file(path)
        # A name may hold bytes that are no text, which JSON cannot hold.
        file_name = told_name or os.fsencode(path.name).decode(errors="replace")
        body = CreateUploadBody(
            file_name=file_name, size_bytes=fingerprint.size_bytes, dag_id=dag_id, task_id=task_id
        )
        trace, key = make_traceparent(), idempotency_key or uuid.uuid4().hex
        view = self.api.create_upload(body, idempotency_key=key, traceparent=trace)
        return FileUpload(self, view, path, fingerprint, trace)

    def resume(self, path: Path, upload_id: str) -> FileUpload:
        """Go on with an upload, here or begun elsewhere.

        Parameters
        ----------
        path
            The same file.
        upload_id
            The upload.

        Raises
        ------
        UploadError
            It is closed, or began with another file.
        """
        fingerprint = check_file(path)
        with _explaining(upload_id):
            view = self.api.get_upload(upload_id)
        if view.state is UploadState.ABORTED:
            raise errors.UploadClosedError(upload_id)
        if view.size_bytes != fingerprint.size_bytes:
            raise errors.OtherFileError(upload_id, "its size is another")
        return FileUpload(self, view, path, fingerprint, make_traceparent())


@dataclass(frozen=True)
class FileUpload:
    """One file on its way.

    Parameters
    ----------
    uploader
        Who sends it.
    view
        The plan.
    path, fingerprint
        The file, as it was at first.
    traceparent
        What it is found by in the server's logs.
    """

    uploader: Uploader
    view: UploadView = field(repr=False)
    path: Path = field(repr=False)
    fingerprint: Fingerprint
    traceparent: str

    def run(self, on_progress: OnProgress | None) -> CompletedUpload:
        """Send what is missing and complete the upload.

        Parameters
        ----------
        on_progress
            Is told at first and with every chunk, from one thread at a time.

        Raises
        ------
        UploadError
            Saying what to do.
        """
        api, upload_id = self.uploader.api, self.view.upload_id
        with _explaining(upload_id):
            if self.view.state is UploadState.COMPLETED:
                # Only to be told what has become of it: nothing is compared any more.
                return api.complete_upload(upload_id, [Part(part_number=1, etag="completed")])
            sent = sorted(self._send(on_progress), key=lambda part: part.part_number)
            self._check_file()
            crc = combine_crcs([(part.crc, part.size_bytes) for part in sent])
            parts = [Part(part_number=part.part_number, etag=part.etag) for part in sent]
            return api.complete_upload(
                upload_id, parts, encode_crc(crc), traceparent=self.traceparent
            )

    def _send(self, on_progress: OnProgress | None) -> list[SentPart]:
        meter = _Meter(self.view, on_progress)
        http, retry = self.uploader.http, self.uploader.retry
        sender = PartSender(self.view.upload_id, http, retry, self._sign, meter.add)
        # All that is there is compared first: no part of another file may come to this upload.
        present = run_at_once(self._plan_checks(sender), N_AT_ONCE, sender.stop, "upload")
        return present + run_at_once(self._plan_sends(sender), N_AT_ONCE, sender.stop, "upload")

    def _plan_checks(self, sender: PartSender) -> Iterator[_Job]:
        for present in self.view.present:
            content = self._part(present.part_number)
            # One of another size is missing, says the API: it is sent again.
            if present.size_bytes == content.size_bytes:
                yield partial(sender.adopt, present, content)

    def _plan_sends(self, sender: PartSender) -> Iterator[_Job]:
        for missing in self._iterate_missing():
            yield partial(sender.send, missing, self._part(missing.part_number))

    def _iterate_missing(self) -> Iterator[PartView]:
        # URLs are signed when they are needed: they work for an hour at most.
        view = self.view
        while view.parts:
            yield from view.parts
            last = view.parts[-1].part_number
            if last >= view.n_parts:
                return
            view = self.uploader.api.get_upload(view.upload_id, from_part=last + 1)

    def _sign(self, part_number: int) -> PartView | PresentPartView:
        view = self.uploader.api.get_upload(self.view.upload_id, from_part=part_number, limit=1)
        known: list[PartView | PresentPartView] = [*view.parts, *view.present]
        for part in known:
            if part.part_number == part_number:
                return part
        raise errors.UploadClosedError(view.upload_id)

    def _part(self, part_number: int) -> FilePart:
        offset_bytes = (part_number - 1) * self.view.part_size_bytes
        size_bytes = min(self.view.part_size_bytes, self.view.size_bytes - offset_bytes)
        return FilePart(self.path, self.fingerprint, offset_bytes, size_bytes)

    def _check_file(self) -> None:
        try:
            status = self.path.stat()
        except OSError:
            raise FileMismatchError from None
        self._part(1).check(status)


class _Meter:
    def __init__(self, view: UploadView, on_progress: OnProgress | None) -> None:
        self._view = view
        self._on_progress = on_progress
        self._sent_bytes = 0
        self._lock = threading.Lock()
        self.add(0)

    def add(self, n_bytes: int) -> None:
        with self._lock:
            self._sent_bytes += n_bytes
            if self._on_progress is not None:
                view = self._view
                told = UploadProgress(view.upload_id, self._sent_bytes, view.size_bytes)
                self._on_progress(told)


@contextmanager
def _explaining(upload_id: str) -> Iterator[None]:
    try:
        yield
    except FileMismatchError:
        raise errors.FileChangedError(upload_id) from None
    except errors.AuthenticationError as error:
        raise errors.LoginExpiredError(upload_id) from error
    except errors.NotFoundError as error:
        raise errors.UploadClosedError(upload_id) from error
    except (errors.ConflictError, errors.InvalidInputError) as error:
        raise errors.UploadRefusedError(upload_id, error.detail) from error
    except (errors.UnreachableError, errors.ServerError) as error:
        raise errors.UploadInterruptedError(upload_id, str(error)) from error
