"""A file that is to be sent, part by part, and noticed if it changes."""

from __future__ import annotations

import os
import stat
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from awscrt.checksums import combine_crc64nvme, crc64nvme

from scanhub_workflow.errors import UnreadableFileError

# Each chunk costs httpx and h11 some 50 µs with eight threads waiting for each other; larger ones
# take memory and win nothing.
CHUNK_SIZE_BYTES = 2**20


class FileMismatchError(Exception):
    """The file is not any more what it was."""


@dataclass(frozen=True)
class Fingerprint:
    """What differs when a file was written to or replaced."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Fingerprint:
        """Return the fingerprint of a file's status."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def check_file(path: Path) -> Fingerprint:
    """Return the fingerprint of a file that can be sent.

    Parameters
    ----------
    path
        Where it is.

    Raises
    ------
    UnreadableFileError
        There is none, or it is no regular file, empty, or not readable.
    """
    try:
        status = path.stat()
        # Before it is opened: a pipe would wait for its writer.
        if not stat.S_ISREG(status.st_mode):
            what = "a directory" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
            raise UnreadableFileError(f"The path leads to {what}: name a regular file.")
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise UnreadableFileError("There is no file at this path.") from None
    except PermissionError:
        raise UnreadableFileError("You may not read this file: ask for its rights.") from None
    except OSError as error:
        message = f"The file cannot be read: {os.strerror(error.errno or 0)}."
        raise UnreadableFileError(message) from None
    if status.st_size == 0:
        raise UnreadableFileError("The file is empty: is whatever writes it done?")
    return Fingerprint.of(status)


@dataclass(frozen=True)
class FilePart:
    """A part of a file.

    Parameters
    ----------
    path, fingerprint
        The file, as it was at first.
    offset_bytes, size_bytes
        Where in it.
    """

    path: Path
    fingerprint: Fingerprint
    offset_bytes: int
    size_bytes: int

    def read(self) -> Iterator[bytes]:
        """Yield the content in chunks, so that memory does not depend on the part's size.

        Raises
        ------
        FileMismatchError
            The file is not any more what it was.
        """
        n_left = self.size_bytes
        try:
            # Without a buffer of Python's own: each chunk is copied once.
            with self.path.open("rb", buffering=0) as file:
                self.check(os.fstat(file.fileno()))
                file.seek(self.offset_bytes)
                while n_left and (chunk := file.read(min(CHUNK_SIZE_BYTES, n_left))):
                    n_left -= len(chunk)
                    if n_left == 0:
                        # Before the last byte is out: S3 gets no whole part of a changed file.
                        self.check(os.fstat(file.fileno()))
                    yield chunk
        except OSError:
            raise FileMismatchError from None
        if n_left:
            raise FileMismatchError

    def check(self, status: os.stat_result) -> None:
        """Compare the file with what it was.

        Parameters
        ----------
        status
            Of the file now.

        Raises
        ------
        FileMismatchError
            It is not any more what it was.
        """
        if Fingerprint.of(status) != self.fingerprint:
            raise FileMismatchError


class Crc64Nvme:
    """The CRC-64/NVME of what it is told."""

    def __init__(self) -> None:
        self.value = 0

    def add(self, chunk: bytes) -> None:
        """Take the next chunk."""
        self.value = crc64nvme(chunk, self.value)


def encode_crc(value: int) -> str:
    """Return a CRC as S3 writes it: eight bytes, big-endian, base64."""
    return b64encode(value.to_bytes(8, "big")).decode()


def combine_crcs(parts: list[tuple[int, int]]) -> int:
    """Return the CRC of a whole without reading it again.

    Parameters
    ----------
    parts
        CRC and size [bytes] of each part, in order.
    """
    whole = 0
    for value, size_bytes in parts:
        whole = combine_crc64nvme(whole, value, size_bytes)
    return int(whole)
