"""How far a download has come."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class DownloadProgress:
    """How far a download has come.

    Parameters
    ----------
    done_bytes
        Of all files; less than before where a file has to begin anew.
    size_bytes
        Of all files whose size is known: that of a preview is when S3 answers.
    n_done, n_files
        Complete files, those that were there already included, of how many.
    """

    done_bytes: int
    size_bytes: int
    n_done: int
    n_files: int


OnProgress = Callable[[DownloadProgress], None]


class Meter:
    """Adds up what many threads do, and tells it from one of them at a time.

    Parameters
    ----------
    progress
        What it begins with.
    on_progress
        Is told at once, and after every change.
    """

    def __init__(self, progress: DownloadProgress, on_progress: OnProgress | None) -> None:
        self._progress = progress
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self.add()

    def add(self, *, done_bytes: int = 0, size_bytes: int = 0, n_done: int = 0) -> None:
        """Take a change.

        Parameters
        ----------
        done_bytes, size_bytes, n_done
            By how much each has grown.
        """
        with self._lock:
            before = self._progress
            self._progress = DownloadProgress(
                before.done_bytes + done_bytes,
                before.size_bytes + size_bytes,
                before.n_done + n_done,
                before.n_files,
            )
            if self._on_progress is not None:
                self._on_progress(self._progress)
