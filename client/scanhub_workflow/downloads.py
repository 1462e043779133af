"""Download the files of a run: several at once, each whole or not at all."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from scanhub_workflow import errors
from scanhub_workflow.at_once import run_at_once
from scanhub_workflow.dag_run_operations import DagRunOperations
from scanhub_workflow.fetch import Fetcher, GoneError
from scanhub_workflow.models import DagRunState
from scanhub_workflow.progress import DownloadProgress, Meter, OnProgress
from scanhub_workflow.retry import Retry
from scanhub_workflow.targets import NoSpaceError, RunFolder, Target, locate, prepare_folder

N_AT_ONCE = 4
_PAGE_SIZE = 100


@dataclass(frozen=True)
class Downloader:
    """Downloads the files of runs.

    Parameters
    ----------
    api
        Lists them.
    http
        For S3: without a token.
    retry
        How often to ask for each file.
    """

    api: DagRunOperations = field(repr=False)
    http: httpx.Client = field(repr=False)
    retry: Retry

    def download(
        self, dag_run_id: str, folder: Path, on_progress: OnProgress | None, is_overwriting: bool
    ) -> list[Path]:
        """Download what is missing of a run's files.

        Parameters
        ----------
        dag_run_id
            The run.
        folder
            Where they come to lie.
        on_progress
            Is told at first and with every chunk, from one thread at a time.
        is_overwriting
            Whether files of another size are replaced.

        Raises
        ------
        DownloadError
            Saying what to do.
        """
        with _explaining():
            self._check_run(dag_run_id)
            listing = Listing(self.api, dag_run_id)
            targets = [
                Target(
                    folder,
                    key,
                    locate(folder, listing.prefix, key),
                    offer.size_bytes,
                    is_overwriting,
                )
                for key, offer in listing.offers.items()
            ]
            try:
                prepare_folder(folder)
                paths = [target.path for target in targets]
                RunFolder(folder, dag_run_id).claim(paths, is_overwriting)
                self._fetch(listing, targets, on_progress)
            except NoSpaceError:
                raise errors.DiskFullError(_count_missing_bytes(targets, folder)) from None
        if listing.unavailable:
            raise errors.ResultUnavailableError.of_files(listing.unavailable)
        return sorted(target.path for target in targets)

    def _check_run(self, dag_run_id: str) -> None:
        state = self.api.get_dag_run(dag_run_id, task_instances=False).state
        if state in (DagRunState.PENDING, DagRunState.RUNNING):
            message = f"The run is {state}: its files are there once it has succeeded. Watch it."
            raise errors.ResultUnavailableError(message)
        if state is not DagRunState.SUCCEEDED:
            message = f"The run is {state}: there is nothing to download. Run its DAG again."
            raise errors.ResultUnavailableError(message)

    def _fetch(
        self, listing: Listing, targets: list[Target], on_progress: OnProgress | None
    ) -> None:
        # All that can be seen before the first byte: no long download is to end at a file that
        # is in its way.
        missing = [each for each in targets if not each.is_there()]
        size_bytes, missing_bytes = _add_up(targets), _add_up(missing)
        done = DownloadProgress(
            size_bytes - missing_bytes, size_bytes, len(targets) - len(missing), len(targets)
        )
        fetcher = Fetcher(self.http, self.retry, listing.renew, Meter(done, on_progress))

        def fetch(target: Target) -> None:
            try:
                fetcher.fetch(target, listing.get_url(target.key))
            except GoneError as error:
                listing.unavailable[target.key] = str(error)

        # Previews first: they are small, and what is in their way is seen only now.
        missing.sort(key=lambda each: each.size_bytes is not None)
        run_at_once((partial(fetch, each) for each in missing), N_AT_ONCE, fetcher.stop, "download")


@dataclass(frozen=True)
class _Offer:
    url: str = field(repr=False)
    size_bytes: int | None


class Listing:
    """What a run offers, by key, and why not the rest.

    A series shares one preview, which is no result by itself and comes without its size.

    Parameters
    ----------
    api
        Lists it.
    dag_run_id
        The run.

    Raises
    ------
    ResultUnavailableError
        It has no files at all.
    """

    def __init__(self, api: DagRunOperations, dag_run_id: str) -> None:
        self.prefix = f"result/{dag_run_id}/"
        self.offers: dict[str, _Offer] = {}
        self.unavailable: dict[str, str] = {}
        self._api = api
        self.dag_run_id = dag_run_id
        self._lock = threading.Lock()
        self._load()
        if not self.offers and not self.unavailable:
            message = "The run has succeeded without any file: see what its DAG is to write."
            raise errors.ResultUnavailableError(message)

    def get_url(self, key: str) -> str:
        """Return where a file can be had, or raise a `GoneError`."""
        if key not in self.offers:
            raise GoneError(self.unavailable.get(key, "It is not listed any more."))
        return self.offers[key].url

    def renew(self, key: str, refused_url: str) -> str:
        """Return a fresh URL of a file, in place of one that S3 refused."""
        with self._lock:
            # All URLs are of about the same age: one thread renews them for all.
            if self.get_url(key) == refused_url:
                self._load()
        return self.get_url(key)

    def _load(self) -> None:
        offers, previews = {}, {}
        for result in self._api.list_results(self.dag_run_id, page_size=_PAGE_SIZE):
            if result.url is not None:
                offers[result.key] = _Offer(result.url, result.size_bytes)
            elif not self._is_folder(result.key):
                reason = result.unavailable_reason or "The API gives no URL."
                self.unavailable[result.key] = reason
            if result.preview_key is not None and result.preview_url is not None:
                previews[result.preview_key] = _Offer(result.preview_url, None)
        self.offers = previews | offers

    def _is_folder(self, key: str) -> bool:
        # A DAG may report one: its files are listed by themselves.
        return key.startswith(self.prefix) and key.endswith("/") and ".." not in key.split("/")


def _add_up(targets: list[Target]) -> int:
    return sum(target.size_bytes or 0 for target in targets)


def _count_missing_bytes(targets: list[Target], folder: Path) -> int:
    missing_bytes = _add_up([target for target in targets if not target.is_there()])
    free_bytes = shutil.disk_usage(folder).free
    # More is free than is missing where the user's share is full, not the disk.
    return missing_bytes - free_bytes if missing_bytes > free_bytes else max(missing_bytes, 1)


@contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except (errors.UnreachableError, errors.ServerError) as error:
        raise errors.DownloadInterruptedError(str(error)) from error
