"""A file for k-space that is too large for memory."""

from __future__ import annotations

import math
import mmap
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanhub_reconstruction.model import RawDataError


def create_scratch(
    shape: tuple[int, ...], directory: Path
) -> tuple[NDArray[np.complex64], mmap.mmap]:
    """Map a new file of zeros, which vanishes with the last reference to the array.

    Parameters
    ----------
    shape
        Shape of the array.
    directory
        Where there is room for the file.

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
    if n_bytes > shutil.disk_usage(directory).free:
        raise RawDataError("The measurement is too large for the disk of the reconstruction.")
    with tempfile.TemporaryFile(dir=directory) as file:
        if hasattr(os, "posix_fallocate"):  # a full disk is an error now, not a crash later
            os.posix_fallocate(file.fileno(), 0, n_bytes)
        else:
            file.truncate(n_bytes)
        mapping = mmap.mmap(file.fileno(), n_bytes)
    return np.frombuffer(mapping, np.complex64).reshape(shape), mapping
