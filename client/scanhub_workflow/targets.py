"""Where a run's files come to lie, and how they get there whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from scanhub_workflow.errors import (
    OtherRunError,
    TargetExistsError,
    UnsafeKeyError,
    UnwritableFolderError,
)

MARKER = ".scanhub-run"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class NoSpaceError(Exception):
    """The disk or the user's share of it is full."""


def locate(folder: Path, prefix: str, key: str, *, is_windows: bool = os.name == "nt") -> Path:
    """Return where a file belongs.

    Parameters
    ----------
    folder
        Where the run's files come to lie.
    prefix
        What all keys of the run begin with.
    key
        S3 key of the file.
    is_windows
        Whether backslashes part folders, and a colon a drive or a stream.

    Raises
    ------
    UnsafeKeyError
        It would lie elsewhere.
    """
    segments = key.removeprefix(prefix).split("/")
    forbidden = {"\0", "\\", ":"} if is_windows else {"\0"}
    if not key.startswith(prefix) or {"", ".", ".."} & set(segments) or forbidden & set(key):
        raise UnsafeKeyError(key)
    return folder.joinpath(*segments)


def prepare_folder(folder: Path) -> None:
    """Make a folder, if there is none, and see that it can be written.

    Parameters
    ----------
    folder
        Where it is to be.

    Raises
    ------
    UnwritableFolderError
        It cannot.
    NoSpaceError
        The disk is full.
    """
    with _explaining():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


@dataclass(frozen=True)
class RunFolder:
    """A folder that has the files of one run, and says of which.

    Runs of a DAG give their files the same names and often the same sizes: an image of another
    patient must not be taken for this run's.

    Parameters
    ----------
    path
        Where it is.
    dag_run_id
        The run.
    """

    path: Path
    dag_run_id: str

    def claim(self, targets: Sequence[Path], is_overwriting: bool) -> None:
        """Make the folder this run's.

        Parameters
        ----------
        targets
            Where files of the run belong.
        is_overwriting
            Whether what lies there goes.

        Raises
        ------
        OtherRunError
            Something of another origin lies there, and is to stay.
        """
        with _explaining():
            marker = self.path / MARKER
            if marker.is_file() and marker.read_text(encoding="utf-8") == self.dag_run_id:
                return
            in_the_way = [path for path in (marker, *targets) if path.exists()]
            if in_the_way and not is_overwriting:
                raise OtherRunError
            # All of them, before it is this run's: a file that stayed would be taken for its own.
            for path in in_the_way:
                path.unlink()
            marker.write_text(self.dag_run_id, encoding="utf-8")


@dataclass(frozen=True)
class Target:
    """A file of a run, and where it belongs.

    Parameters
    ----------
    key
        S3 key.
    path
        Where it belongs.
    size_bytes
        None if it is not known before S3 is asked.
    is_overwriting
        Whether it takes another file's place.
    """

    key: str
    path: Path
    size_bytes: int | None
    is_overwriting: bool

    def is_there(self) -> bool:
        """Tell whether the file is there already, and of its size.

        One whose size is not known yet is not.

        Raises
        ------
        TargetExistsError
            Another file is there, and is to stay.
        """
        if self.size_bytes is None:
            return False
        with _explaining():
            try:
                status = self.path.stat()
            except FileNotFoundError:
                return False
        is_file = stat.S_ISREG(status.st_mode)
        if is_file and status.st_size == self.size_bytes:
            return True
        if is_file and self.is_overwriting:
            return False
        raise TargetExistsError(self.key)


class PartFile:
    """A file that is not whole yet, beside where it belongs; for its owner's eyes only.

    Parameters
    ----------
    path
        Where it belongs.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with _explaining():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
        self._part = Path(name)
        self._file = os.fdopen(descriptor, "wb")

    def write(self, chunk: bytes) -> None:
        """Append what has come.

        Raises
        ------
        UnwritableFolderError, NoSpaceError
            It cannot be written.
        """
        with _explaining():
            self._file.write(chunk)

    def restart(self) -> None:
        """Forget what has come."""
        with _explaining():
            self._file.seek(0)
            self._file.truncate()

    def publish(self) -> None:
        """Put the file where it belongs, in place of what is there."""
        with _explaining():
            # First, for Windows moves no open file, and some disks are full only now.
            self._file.close()
            self._part.replace(self._path)

    def __enter__(self) -> PartFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Delete what was not published."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)


@contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        message = "A file is where a folder is needed: move it away, or name another folder."
        raise UnwritableFolderError(message) from None
    except PermissionError:
        message = "You may not write to this folder: ask for its rights, or name another."
        raise UnwritableFolderError(message) from None
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpaceError from None
        message = f"The folder cannot be written: {os.strerror(error.errno or 0)}."
        raise UnwritableFolderError(message) from None
