"""The API and S3 as the bridge needs them."""

from __future__ import annotations

import threading

import httpx

from scanhub_workflow.bridge.board import Board
from scanhub_workflow.bridge.raw_data import RawData
from scanhub_workflow.client import Client
from scanhub_workflow.downloads import Listing
from scanhub_workflow.fetch import Fetcher
from scanhub_workflow.files import Fingerprint
from scanhub_workflow.progress import Meter
from scanhub_workflow.retry import Retry
from scanhub_workflow.uploads import FileUpload


class BridgeApi(Client):
    """The client on behalf of the service account.

    Parameters
    ----------
    url, token
        Of the API, of the service account.
    retry
        How often to try what may be repeated.
    transport, storage_transport
        How to reach the API and S3; httpx's own if left out.
    """

    def __init__(
        self,
        url: str,
        token: str,
        retry: Retry,
        transport: httpx.BaseTransport | None = None,
        storage_transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(
            url, token, transport=transport, storage_transport=storage_transport, retry=retry
        )
        self.retry = retry
        self.board = Board(self._api)

    def plan(self, raw: RawData, file: Fingerprint) -> FileUpload:
        """Go on with the upload of raw data, or begin the only one.

        The API knows an Idempotency-Key for a day; the list of open uploads is longer.
        """
        for each in self.list_uploads(page_size=100):
            is_same = each.task_id == str(raw.task_id) and each.file_name == raw.told_name
            if is_same and each.size_bytes == file.size_bytes:
                return self._uploader.resume(raw.path, each.upload_id)
        return self._uploader.begin(
            raw.path,
            None,
            str(raw.task_id),
            told_name=raw.told_name,
            idempotency_key=raw.make_key(file),
        )

    def make_fetcher(self, listing: Listing, meter: Meter, stop: threading.Event) -> Fetcher:
        """Return what fetches the files of a run.

        Parameters
        ----------
        listing
            Of the run.
        meter
            Is told what comes.
        stop
            Ends it.
        """
        return Fetcher(self._storage, self.retry, listing.renew, meter, stop)
