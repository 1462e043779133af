"""A file for k-space that is too large for memory, and the room for it."""

from __future__ import annotations

import math
import mmap
import os

import numpy as np
from numpy.typing import NDArray

from scanhub_reconstruction.model import RawDataError


def check_room(n_bytes: int, room_bytes: int) -> None:
    """Check that a file is not larger than the room for it.

    Parameters
    ----------
    n_bytes
        Size of the file.
    room_bytes
        As of `scanhub_dag.disk.find_room`.

    Raises
    ------
    RawDataError
        If it is.
    """
    if n_bytes > room_bytes:
        raise RawDataError("The measurement is too large for the disk of the reconstruction.")


class Scratch:
    """An open file that k-space is written to; filling it opens no further file.

    Parameters
    ----------
    descriptor
        An empty file, open for reading and writing.
    room_bytes
        How large it may become.
    """

    def __init__(self, descriptor: int, room_bytes: int) -> None:
        self._descriptor = descriptor
        self._room_bytes = room_bytes
        os.ftruncate(descriptor, mmap.PAGESIZE)
        self._mapping = mmap.mmap(descriptor, mmap.PAGESIZE)

    def allocate(self, shape: tuple[int, ...]) -> tuple[NDArray[np.complex64], mmap.mmap]:
        """Make the file an array of zeros.

        Parameters
        ----------
        shape
            Shape of the array.

        Returns
        -------
        tuple[NDArray[np.complex64], mmap.mmap]
            The array, and the mapping that it lies in.

        Raises
        ------
        RawDataError
            If the disk is too small.
        """
        n_bytes = math.prod(shape) * np.dtype(np.complex64).itemsize
        check_room(n_bytes, self._room_bytes)
        if hasattr(os, "posix_fallocate"):  # a full disk is an error now, not a crash later
            os.posix_fallocate(self._descriptor, 0, n_bytes)
        self._mapping.resize(n_bytes)
        return map_scratch(self._mapping, shape), self._mapping


def map_scratch(
    mapping: mmap.mmap, shape: tuple[int, ...], first: int = 0
) -> NDArray[np.complex64]:
    """Return the k-space that was written to a file.

    Parameters
    ----------
    mapping
        The file.
    shape
        Shape of the array.
    first
        How many samples lie before it.

    Returns
    -------
    NDArray[np.complex64]
        A view of the mapping.
    """
    offset = first * np.dtype(np.complex64).itemsize
    return np.frombuffer(mapping, np.complex64, math.prod(shape), offset).reshape(shape)
