"""ScanHub's data volume on this machine."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from uuid import UUID

from scanhub_workflow.bridge.reasons import CannotError
from scanhub_workflow.files import Fingerprint
from scanhub_workflow.names import is_plain_name
from scanhub_workflow.targets import NoSpaceError

# Where all of ScanHub's services have it.
MOUNT = PurePosixPath("/data")


class Volume:
    """The folder that ScanHub's containers have as ``/data``.

    Parameters
    ----------
    root
        Where it is here.
    reserve_bytes
        How much of the disk stays free.

    Raises
    ------
    CannotError
        It is not there.
    """

    def __init__(self, root: Path, reserve_bytes: int) -> None:
        self.root = root
        self._reserve_bytes = reserve_bytes
        self._promised_bytes = 0
        self._lock = threading.Lock()
        self._identity: tuple[int, int] | None = None
        self.check()
        # What others may do with a file that ScanHub is to read: as for any file of this process.
        umask = os.umask(0o077)
        os.umask(umask)
        self._mode = 0o666 & ~umask

    def check(self) -> None:
        """See that it is the volume of the start: what a lost mount leaves is another disk.

        Raises
        ------
        CannotError
            It is gone.
        """
        identity = _identify(self.root)
        if self._identity is None:
            # One that is empty may be what the volume is yet to be mounted to.
            self._identity = None if self.is_empty else identity
        elif self._identity != identity:
            raise CannotError("The volume is another one than at the start: restart the bridge.")

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all lies in it."""
        with os.scandir(self.root) as entries:
            return next(entries, None) is None

    def locate(self, directory: str, name: str) -> Path:
        """Return where a file lies that ScanHub names.

        Parameters
        ----------
        directory, name
            As ScanHub's services see it, below ``/data``; or as it is here.

        Raises
        ------
        CannotError
            It lies elsewhere.
        """
        inside = directory.rstrip("/").removeprefix(f"{self.root}/").removeprefix(f"{MOUNT}/")
        segments = [*inside.split("/"), name]
        # A leading slash leaves an empty name, which is none.
        if not all(is_plain_name(each, is_windows=False) for each in segments):
            raise CannotError("Its result names no plain place in the volume.")
        return self.root.joinpath(*segments)

    def look(self, path: Path) -> Fingerprint:
        """Return the fingerprint of a file below the volume.

        Parameters
        ----------
        path
            The file.

        Raises
        ------
        CannotError
            A link is in its place, or in that of a folder above it.
        OSError
            It cannot be read.
        """
        with self._opened(path) as descriptor:
            return Fingerprint.of(os.fstat(descriptor))

    @contextmanager
    def _opened(self, path: Path) -> Iterator[int]:
        # Name by name: a link may take a folder's place at any moment.
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in path.relative_to(self.root).parts:
                # A pipe would wait for its writer.
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                inner = os.open(name, flags, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise CannotError("A link is where a file or folder belongs.") from None
            raise
        finally:
            os.close(descriptor)

    @property
    def free_bytes(self) -> int:
        """How much may still be written."""
        return shutil.disk_usage(self.root).free - self._reserve_bytes - self._promised_bytes

    def check_space(self, size_bytes: int) -> None:
        """See that a file fits, whatever others have written since space was promised.

        Raises
        ------
        NoSpaceError
            It does not.
        """
        if shutil.disk_usage(self.root).free - self._reserve_bytes < size_bytes:
            raise NoSpaceError

    @contextmanager
    def reserve(self, size_bytes: int) -> Iterator[None]:
        """Promise space to a transfer, so that no two count on the same.

        Parameters
        ----------
        size_bytes
            What is to come.

        Raises
        ------
        CannotError
            There is not so much.
        """
        with self._lock:
            missing_bytes = size_bytes - self.free_bytes
            if missing_bytes > 0:
                raise CannotError(f"The volume is full: free {missing_bytes:,} bytes.")
            self._promised_bytes += size_bytes
        try:
            yield
        finally:
            with self._lock:
                self._promised_bytes -= size_bytes

    def hand_over(self, path: Path) -> None:
        """Let ScanHub read a file, and see that it outlives a loss of power.

        Parameters
        ----------
        path
            The file, whole.
        """
        with self._opened(path) as descriptor:
            # Of a file that is somebody else's, it may not be set.
            if stat.S_IMODE(os.fstat(descriptor).st_mode) != self._mode:
                os.fchmod(descriptor, self._mode)
            os.fsync(descriptor)
        with self._opened(path.parent) as descriptor:
            os.fsync(descriptor)


def name_place(*ids: UUID) -> str:
    """Return the directory of a result as ScanHub's services name it, with its final slash."""
    return f"{MOUNT.joinpath(*map(str, ids))}/"


def _identify(root: Path) -> tuple[int, int]:
    try:
        status = root.stat()
    except OSError as error:
        cause = os.strerror(error.errno or 0)
        raise CannotError(f"The volume is not there: {cause}.") from None
    if not root.is_dir():
        raise CannotError("The volume is no folder.")
    return status.st_dev, status.st_ino
