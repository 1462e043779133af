"""The operations of the API on uploads, under their own names; `Client.upload` uses them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from scanhub_workflow.errors import UploadError
from scanhub_workflow.files import check_file
from scanhub_workflow.http import Call, Operations, get, make_path, post
from scanhub_workflow.models import (
    AbortedUpload,
    CompletedUpload,
    CompleteUploadBody,
    CreateUploadBody,
    Part,
    TriggeredUploadView,
    UploadList,
    UploadSummary,
    UploadView,
)
from scanhub_workflow.params import drop_none, to_text

MAX_SMALL_FILE_SIZE_BYTES = 4 * 2**20


class UploadOperations(Operations):
    """What can be done with uploads."""

    def upload_and_trigger(self, dag_id: str, path: Path | str) -> TriggeredUploadView:
        """Send a small file and run a DAG with it; sent once only.

        Parameters
        ----------
        dag_id
            The DAG.
        path
            A file of up to 4 MiB; `Client.upload` takes any size.

        Raises
        ------
        UploadError
            It is no file that could be read, or too large.
        """
        path = Path(path)
        if check_file(path).size_bytes > MAX_SMALL_FILE_SIZE_BYTES:
            raise UploadError("The file has more than 4 MiB: send it by Client.upload.")
        with path.open("rb") as file:
            call = post(make_path("upload_and_trigger", dag_id), files={"file": (path.name, file)})
            return self._api.ask(call, TriggeredUploadView)

    def create_upload(
        self,
        body: CreateUploadBody,
        *,
        idempotency_key: str | None = None,
        traceparent: str | None = None,
    ) -> UploadView:
        """Plan an upload.

        Parameters
        ----------
        body
            The file, and what it is for.
        idempotency_key
            With it, the same call again is the same upload for a day.
        traceparent
            W3C trace by which upload and run are found in the logs; a fresh one if left out.
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        headers |= _make_trace_header(traceparent)
        json = body.model_dump(exclude_none=True)
        arguments = {"json": json, "headers": headers}
        call = Call("POST", "uploads/", bool(idempotency_key), arguments)
        return self._api.ask(call, UploadView)

    def get_upload(self, upload_id: str, *, from_part: int = 1, limit: int = 100) -> UploadView:
        """Return what has arrived, and fresh URLs for parts that have not.

        Parameters
        ----------
        upload_id
            The upload.
        from_part
            Parts before it are not asked.
        limit
            The most URLs, up to 1,000.
        """
        params = {"from_part": from_part, "limit": limit}
        return self._api.ask(get(make_path("uploads", upload_id), params=params), UploadView)

    def complete_upload(
        self,
        upload_id: str,
        parts: Sequence[Part],
        crc64nvme: str | None = None,
        *,
        traceparent: str | None = None,
    ) -> CompletedUpload:
        """Make one object of the parts; the same call again finds it completed.

        Parameters
        ----------
        upload_id
            The upload.
        parts
            All of them, by number and ETag.
        crc64nvme
            CRC-64/NVME of the whole file, base64: S3 compares it.
        traceparent
            That of `create_upload`.
        """
        body = CompleteUploadBody(parts=list(parts), crc64nvme=crc64nvme)
        json = body.model_dump(exclude_none=True)
        arguments = {"json": json, "headers": _make_trace_header(traceparent)}
        path = make_path("uploads", upload_id, "complete")
        return self._api.ask(Call("POST", path, True, arguments), CompletedUpload)

    def list_uploads(
        self,
        *,
        since: date | str | None = None,
        until: date | str | None = None,
        page_size: int = 50,
    ) -> Iterator[UploadSummary]:
        """Yield the caller's own open uploads, newest first, page by page.

        Parameters
        ----------
        since, until
            Dates or date-times, UTC unless they say otherwise; all that are kept if left out.
        page_size
            How many are fetched at once, up to 100.
        """
        params = drop_none({"from": to_text(since), "to": to_text(until), "limit": page_size})
        for page in self._api.iterate(get("uploads/", params=params), UploadList):
            yield from page.uploads

    def abort_upload(self, upload_id: str) -> AbortedUpload:
        """Give an upload up; what has arrived is deleted.

        Parameters
        ----------
        upload_id
            The upload.
        """
        call = Call("DELETE", make_path("uploads", upload_id), is_repeatable=True)
        return self._api.ask(call, AbortedUpload)


def _make_trace_header(traceparent: str | None) -> dict[str, str]:
    return {"traceparent": traceparent} if traceparent else {}
