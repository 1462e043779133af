"""Room on the disk that a run shares with others; quick to import, for a process of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

# Of what is free, for one file: the worker may have other runs.
_SHARE_OF_DISK = 0.5


def find_room(directory: Path) -> int:
    """Return how many bytes one file may take, so that there is room for those of other runs.

    Parameters
    ----------
    directory
        Where the file is to be.

    Returns
    -------
    int
        In bytes.
    """
    return int(_SHARE_OF_DISK * shutil.disk_usage(directory).free)
