"""The client: everything that the API can do, and what takes more than one request."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import httpx

from scanhub_workflow import uploads
from scanhub_workflow.bounded import BoundedClient
from scanhub_workflow.dag_run_operations import DagRunOperations
from scanhub_workflow.downloads import Downloader
from scanhub_workflow.errors import ConfigurationError
from scanhub_workflow.http import TIMEOUT, TOTAL_S, Api
from scanhub_workflow.models import CompletedUpload, DagRunDetail, WorkflowView
from scanhub_workflow.operations import WorkflowOperations
from scanhub_workflow.plain_http import refuse_plain_http
from scanhub_workflow.progress import OnProgress
from scanhub_workflow.retry import Retry
from scanhub_workflow.storage import TIMEOUT as STORAGE_TIMEOUT
from scanhub_workflow.storage import TOTAL_S as STORAGE_TOTAL_S
from scanhub_workflow.upload_operations import UploadOperations
from scanhub_workflow.version import __version__
from scanhub_workflow.watch import watch_dag_run, watch_workflow

URL_VARIABLE = "SCANHUB_WORKFLOW_URL"
TOKEN_VARIABLE = "SCANHUB_WORKFLOW_TOKEN"  # noqa: S105 - the name of one


class Client(WorkflowOperations, DagRunOperations, UploadOperations):
    """ScanHub's workflow manager on behalf of one user; usable from many threads.

    Parameters
    ----------
    url
        Of the API, up to ``/workflowmanager``; SCANHUB_WORKFLOW_URL if left out.
    token
        Of the user; SCANHUB_WORKFLOW_TOKEN if left out.
    transport, storage_transport
        How to reach the API and S3; httpx's own if left out.
    retry
        How often to try what may be repeated.

    Raises
    ------
    ConfigurationError
        No URL or no token is given, one of them is none, or others could read the token on its way.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        storage_transport: httpx.BaseTransport | None = None,
        retry: Retry | None = None,
    ) -> None:
        retry = retry or Retry()
        self._http = BoundedClient(
            TOTAL_S,
            base_url=_check_url(_find("URL", url, URL_VARIABLE)),
            headers={
                "Authorization": _make_authorization(_find("token", token, TOKEN_VARIABLE)),
                "User-Agent": f"scanhub-workflow/{__version__}",
            },
            timeout=TIMEOUT,
            transport=transport,
        )
        # No token: S3 refuses a request with two kinds of credentials.
        self._storage = BoundedClient(
            STORAGE_TOTAL_S,
            # An object that somebody stored packed comes as it is.
            is_unpacking=True,
            timeout=STORAGE_TIMEOUT,
            transport=storage_transport,
        )
        super().__init__(Api(self._http, retry))
        self._uploader = uploads.Uploader(self, self._storage, retry)
        self._downloader = Downloader(self, self._storage, retry)

    def watch(self, workflow_id: str, *, timeout_s: float | None = None) -> Iterator[WorkflowView]:
        """Yield a workflow as it is, and again after every change until it has ended.

        Asks after 1 s and, while nothing changes, ever less often: every 10 s in the end.

        Parameters
        ----------
        workflow_id
            The workflow.
        timeout_s
            How long to follow it at most [s]; a TimeoutError then.
        """
        return watch_workflow(self._api, workflow_id, timeout_s)

    def watch_dag_run(
        self, dag_run_id: str, *, timeout_s: float | None = None, appears_within_s: float = 0
    ) -> Iterator[DagRunDetail]:
        """Yield a run as it is, and again after every change until it has ended.

        Asks as often as `watch`, and never for the run's tasks in Airflow.

        Parameters
        ----------
        dag_run_id
            The run.
        timeout_s
            How long to follow it at most [s]; a TimeoutError then.
        appears_within_s
            How long there may be no such run [s], as that of an upload, which exists only once
            S3's event was handled; a NotFoundError then.
        """
        return watch_dag_run(self._api, dag_run_id, timeout_s, appears_within_s)

    def upload(
        self,
        path: Path | str,
        *,
        dag_id: str | None = None,
        task_id: str | None = None,
        resume: str | None = None,
        on_progress: uploads.OnProgress | None = None,
    ) -> CompletedUpload:
        """Upload a file of any size, eight parts at once; memory does not depend on it.

        Parameters
        ----------
        path
            The file.
        dag_id, task_id, resume
            The DAG or the device task that the file is for, or the upload to go on with: one of
            the three.
        on_progress
            Is told at first and with every chunk, from one thread at a time; its first word holds
            the id to resume by.

        Raises
        ------
        UploadError
            The file did not get there; the message says what to do.
        ApiError
            The API refused the upload at the outset.
        """
        path = Path(path)
        if [dag_id, task_id, resume].count(None) != 2:
            raise ValueError("Name one of dag_id, task_id and resume.")
        if resume is not None:
            upload = self._uploader.resume(path, resume)
        else:
            upload = self._uploader.begin(path, dag_id, task_id)
        return upload.run(on_progress)

    def download(
        self,
        dag_run_id: str,
        folder: Path | str,
        *,
        on_progress: OnProgress | None = None,
        is_overwriting: bool = False,
    ) -> list[Path]:
        """Download all files of a run and their previews, four at once; only you can read them.

        A file that is there already with its size is kept: the same call again goes on. A preview
        that the run reported and that is not there is left out.

        Parameters
        ----------
        dag_run_id
            The run, which has succeeded.
        folder
            Where they come to lie, in the run's own sub-folders; made if there is none.
        on_progress
            Is told at first and with every chunk, from one thread at a time.
        is_overwriting
            Whether a file of another size is replaced; an error else.

        Returns
        -------
        list of Path
            Of all files, those that were there already included.

        Raises
        ------
        DownloadError
            Some are not here; the message says what to do. All others stay.
        ApiError
            The API refused it: there is no such run, or the login has expired.
        """
        return self._downloader.download(dag_run_id, Path(folder), on_progress, is_overwriting)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
        self._storage.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        """Return where it goes, never the token."""
        return f"Client({self._http.base_url!r})"


def _find(what: str, value: str | None, variable: str) -> str:
    found = (value or os.environ.get(variable, "")).strip()
    if not found:
        raise ConfigurationError(f"No {what} is given: pass it, or set {variable}.")
    return found


def _make_authorization(token: str) -> str:
    # What no header takes would be an error of the HTTP library, which shows it.
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError("The token is none: it has characters that no token has.")
    return f"Bearer {token}"


def _check_url(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ConfigurationError("The URL is none: it begins with https:// and a host.")
    if parsed.userinfo or parsed.query or parsed.fragment:
        # A name in it would replace the token; after ? or # no path can follow.
        raise ConfigurationError("The URL holds a login, a ? or a #: give host and path only.")
    refuse_plain_http(parsed)
    return parsed
