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
from scanhub_workflow.names import is_plain_name

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
        Whether Windows' own rules for names count.

    Raises
    ------
    UnsafeKeyError
        It would lie elsewhere, or its name is not what it looks like.
    """
    segments = key.removeprefix(prefix).split("/")
    are_plain = all(is_plain_name(each, is_windows=is_windows) for each in segments)
    if not key.startswith(prefix) or not are_plain:
        raise UnsafeKeyError(key)
    return folder.joinpath(*segments)


def refuse_links(folder: Path, path: Path) -> None:
    """See that a file's folders are folders, and not links to others.

    Parameters
    ----------
    folder
        That the user has named: it may be a link.
    path
        The file, below that; a link in its own place is never followed.

    Raises
    ------
    UnwritableFolderError
        One is a link, which somebody has put there: the file would lie elsewhere.
    """
    parents = path.relative_to(folder).parents
    if any((folder / each).is_symlink() or _is_junction(folder / each) for each in parents[:-1]):
        raise UnwritableFolderError(
            "A link is where a folder of the run belongs: remove it, or name another folder."
        )


def _is_junction(path: Path) -> bool:
    # Of Windows; Python 3.11 does not know them.
    return getattr(os.path, "isjunction", lambda _: False)(path)


def _is_there(path: Path) -> bool:
    # A link that leads nowhere is there.
    return os.path.lexists(path)


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
            for path in targets:
                refuse_links(self.path, path)
            marker = self.path / MARKER
            # What is no file of our own is not opened: a link leads elsewhere, a pipe has no end.
            is_file = _is_there(marker) and stat.S_ISREG(marker.lstat().st_mode)
            if is_file and marker.read_bytes() == self.dag_run_id.encode():
                return
            in_the_way = [path for path in (marker, *targets) if _is_there(path)]
            if in_the_way and not is_overwriting:
                raise OtherRunError
            # All of them, before it is this run's: a file that stayed would be taken for its own.
            for path in in_the_way:
                path.unlink()
        with PartFile(self.path, marker) as part:
            # In place of what is there by now, never through it.
            part.write(self.dag_run_id.encode())
            part.publish()


@dataclass(frozen=True)
class Target:
    """A file of a run, and where it belongs.

    Parameters
    ----------
    folder
        That the user has named.
    key
        S3 key.
    path
        Where it belongs, below the folder.
    size_bytes
        None if it is not known before S3 is asked.
    is_overwriting
        Whether it takes another file's place.
    """

    folder: Path
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
                status = self.path.lstat()
            except FileNotFoundError:
                return False
        if stat.S_ISREG(status.st_mode) and status.st_size == self.size_bytes:
            return True
        # A link is replaced, not followed.
        if self.is_overwriting and not stat.S_ISDIR(status.st_mode):
            return False
        raise TargetExistsError(self.key)


class PartFile:
    """A file that is not whole yet, beside where it belongs; for its owner's eyes only.

    Parameters
    ----------
    folder
        That the user has named.
    path
        Where it belongs, below that.
    """

    def __init__(self, folder: Path, path: Path) -> None:
        self._folder = folder
        self._path = path
        with _explaining():
            refuse_links(folder, path)
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
            refuse_links(self._folder, self._path)
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
