"""What the bridge tells of itself: a small file, replaced as a whole, and safe to lose."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scanhub_workflow.errors import ConfigurationError

STATUS_NAME = "status.json"
LOCK_NAME = "lock"


def write_status(folder: Path, status: Mapping[str, Any]) -> None:
    """Replace the file; who reads it meanwhile sees the one before.

    Parameters
    ----------
    folder
        Where the bridge keeps it.
    status
        Ids, states and reasons: no name and no token.
    """
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".status-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(status, file)
            file.flush()
            os.fsync(file.fileno())
        # Operators look at it, not only the bridge's own user.
        Path(name).chmod(0o644)
        Path(name).replace(folder / STATUS_NAME)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_status(folder: Path) -> dict[str, Any]:
    """Return what the bridge told last.

    Raises
    ------
    ConfigurationError
        It has told nothing here.
    """
    try:
        status = json.loads((folder / STATUS_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        status = None
    if not isinstance(status, dict):
        raise ConfigurationError(f"No bridge has told anything in {folder}: name its --state.")
    return status


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let no second bridge work with the same folder of state.

    Raises
    ------
    ConfigurationError
        One is at work, or the folder cannot be written.
    """
    # Not on Windows, where no ScanHub runs.
    import fcntl

    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        with (folder / LOCK_NAME).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigurationError("A bridge with this --state is at work already.") from None
            yield
    except PermissionError:
        raise ConfigurationError(f"{folder} cannot be written: name another --state.") from None
