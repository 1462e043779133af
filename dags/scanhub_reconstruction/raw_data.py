"""Read k-space from an ISMRMRD (HDF5) or NumPy file, told apart by content, not by name."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO

import h5py
import numpy as np
from numpy.lib import format as npy_format

from scanhub_reconstruction.ismrmrd_file import read_ismrmrd
from scanhub_reconstruction.model import MAX_SAMPLES, RawData, RawDataError

_NPY_HEADER_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


def read_raw_data(path: Path) -> RawData:
    """Read and check the raw data of one 2D Cartesian measurement.

    Parameters
    ----------
    path
        An ISMRMRD file, or a `.npy` file of shape (coils, ky, kx) or (ky, kx).

    Returns
    -------
    RawData
        k-space that is finite and not empty.

    Raises
    ------
    RawDataError
        If the file cannot be reconstructed, with a sentence that says why.
    """
    raw = _read_by_content(path)
    if not np.isfinite(raw.kspace.view(np.float32)).all():
        raise RawDataError("The k-space holds values that are not finite numbers (NaN or Inf).")
    if not raw.kspace.any():
        raise RawDataError("The k-space holds zeros only: there is no signal to reconstruct.")
    return raw


def _read_by_content(path: Path) -> RawData:
    if path.stat().st_size == 0:
        raise RawDataError("The file is empty.")
    with path.open("rb") as file:
        is_npy = file.read(len(npy_format.MAGIC_PREFIX)) == npy_format.MAGIC_PREFIX
    if is_npy:
        return _read_npy(path)
    if h5py.is_hdf5(path):
        return read_ismrmrd(path)
    raise RawDataError(
        "The file is not ISMRMRD (HDF5) or NumPy k-space: neither format's signature was found."
    )


def _read_npy(path: Path) -> RawData:
    with path.open("rb") as file:
        shape, dtype = _read_npy_header(file)
        n_data_bytes = path.stat().st_size - file.tell()
    if dtype.hasobject:
        raise RawDataError("The NumPy file holds Python objects; k-space must be complex numbers.")
    if dtype.kind != "c":
        raise RawDataError("The NumPy file does not hold complex numbers, so it is not k-space.")
    if len(shape) not in (2, 3) or 0 in shape:
        raise RawDataError(
            "The NumPy k-space must have shape (coils, ky, kx) or (ky, kx) and not be empty."
        )
    n_samples = int(np.prod(shape, dtype=object))  # Python integers: a forged shape cannot overflow
    if n_samples > MAX_SAMPLES:
        raise RawDataError("The k-space is too large for this 2D reconstruction.")
    if n_data_bytes != n_samples * dtype.itemsize:
        raise RawDataError("The NumPy file is truncated or damaged: its size is not its shape's.")
    with np.errstate(over="ignore"):  # what complex64 cannot hold becomes Inf and is refused
        kspace = np.load(path, allow_pickle=False).astype(np.complex64, order="C")
    kspace = kspace.reshape(-1, *shape[-2:])
    image_shape = (shape[-2], shape[-1])
    return RawData(kspace, image_shape, image_shape, source_format="NumPy")


def _read_npy_header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    try:
        # Version 3 exists for non-ASCII field names only, which k-space has none of.
        read_header = _NPY_HEADER_READERS[npy_format.read_magic(file)]
        shape, _, dtype = read_header(file)
    except (ValueError, KeyError, SyntaxError, TokenError):  # what NumPy raises on damage
        raise RawDataError("The header of the NumPy file is damaged or truncated.") from None
    return shape, dtype
