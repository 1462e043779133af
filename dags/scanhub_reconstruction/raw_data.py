"""Read k-space from an ISMRMRD (HDF5) or NumPy file, told apart by content, not by name."""

from __future__ import annotations

import math
import mmap
import warnings
from dataclasses import replace
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from scanhub_reconstruction.coverage import (
    check_measured_lines,
    check_measured_samples,
    describe_scan_options,
)
from scanhub_reconstruction.engine_command import describe_door
from scanhub_reconstruction.ismrmrd_process import read_ismrmrd_apart
from scanhub_reconstruction.model import (
    MAX_SAMPLES,
    NeedsEngineError,
    RawData,
    RawDataError,
    release_pages,
)

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_NPY_HEADER_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}

# What NumPy, and Python's parser, raise on damage.
_NPY_HEADER_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    SyntaxError,
    TokenError,
    TypeError,
    ValueError,
)


def read_raw_data(path: Path, *, is_acceleration_taken: bool = False) -> RawData:
    """Read and check the raw data of one Cartesian measurement.

    Parameters
    ----------
    path
        An ISMRMRD file, or a `.npy` file of shape (coils, kz, ky, kx), (coils, ky, kx) or
        (ky, kx). The samples stay in a file, which may be deleted while it is in use.
    is_acceleration_taken
        Whether an engine unfolds what is undersampled.

    Returns
    -------
    RawData
        k-space that is finite and not empty.

    Raises
    ------
    RawDataError
        If the file cannot be reconstructed, with a sentence that says why.
    """
    try:
        raw = _read_by_content(path, is_acceleration_taken=is_acceleration_taken)
    except NeedsEngineError as error:
        raise NeedsEngineError(f"{error}{describe_door()}") from None
    peak, columns = 0.0, []
    is_measured = np.ones(raw.kspace.shape[2:4], np.bool_)
    for volume in range(len(raw.volumes)):
        has_signal = np.zeros(raw.kspace.shape[2:], np.bool_)
        for coil in range(raw.n_coils):
            samples = raw.read_coil(volume, coil)
            peak = max(peak, _find_peak(samples))
            is_there = samples != 0
            release_pages(raw.mapping)
            has_signal |= is_there
            if is_there.any():  # a coil may be dead
                is_measured &= is_there.any(axis=2)
        # Slices beyond a simulated object have no signal, and an engine fills what was left out.
        if has_signal.any() and raw.parallel is None:
            columns.append(check_measured_samples(has_signal))
    for samples in _list_references(raw):
        _find_peak(samples)
        release_pages(raw.mapping)
    if peak == 0:
        raise RawDataError("The k-space holds zeros only: there is no signal to reconstruct.")
    options = _describe_zeros(raw, is_measured, columns)
    return replace(raw, peak=peak, scan_options=options)


def _describe_zeros(
    raw: RawData, is_measured: NDArray[np.bool_], columns: list[slice]
) -> tuple[str, ...]:
    """Return the scan options, of which the other format's reader does not know the columns."""
    if not columns:
        return raw.scan_options
    widest = slice(min(part.start for part in columns), max(part.stop for part in columns))
    n_columns = raw.kspace.shape[4]
    if raw.source_format == "NumPy":
        return check_measured_lines(is_measured, widest, n_columns)
    if raw.scan_options or widest == slice(0, n_columns):
        return raw.scan_options
    planes = tuple(slice(0, size) for size in is_measured.shape)
    return describe_scan_options((*planes, widest), raw.kspace.shape[2:], is_filled=False)


def _find_peak(samples: NDArray[np.complex64]) -> float:
    """Return the largest real or imaginary part, once it is a finite number."""
    parts: NDArray[np.float32] = samples.view(np.float32)
    # The smallest and the largest are NaN when any is.
    with np.errstate(invalid="ignore"):
        extremes = np.array([np.min(parts), np.max(parts)])
    if not np.isfinite(extremes).all():
        raise RawDataError("The k-space holds values that are not finite numbers (NaN or Inf).")
    return float(np.abs(extremes).max())


def _list_references(raw: RawData) -> list[NDArray[np.complex64]]:
    """Return the reference lines, by volume and coil."""
    if raw.parallel is None or raw.parallel.reference is None:
        return []
    return [samples for volume in raw.parallel.reference for samples in volume]


def _read_by_content(path: Path, *, is_acceleration_taken: bool) -> RawData:
    if path.stat().st_size == 0:
        raise RawDataError("The file is empty.")
    with path.open("rb") as file:
        is_npy = file.read(len(npy_format.MAGIC_PREFIX)) == npy_format.MAGIC_PREFIX
    if is_npy:
        return _read_npy(path)
    if _is_hdf5(path):
        return read_ismrmrd_apart(path, is_acceleration_taken=is_acceleration_taken)
    raise RawDataError(
        "The file is not ISMRMRD (HDF5) or NumPy k-space: neither format's signature was found."
    )


def _is_hdf5(path: Path) -> bool:
    """Return whether HDF5's signature is at byte 0, 512, 1024 or a further power of two."""
    n_bytes, offset = path.stat().st_size, 0
    with path.open("rb") as file:
        while offset < n_bytes:
            file.seek(offset)
            if file.read(len(_HDF5_SIGNATURE)) == _HDF5_SIGNATURE:
                return True
            offset = max(512, 2 * offset)
    return False


def _read_npy(path: Path) -> RawData:
    with path.open("rb") as file:
        shape, is_fortran, dtype = _read_npy_header(file)
        offset = file.tell()
        _check_npy(shape, dtype, path.stat().st_size - offset)
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    kspace = np.ndarray(shape, dtype, mapping, offset, order="F" if is_fortran else "C")
    if kspace.ndim == 2:
        kspace = kspace[np.newaxis]
    if kspace.ndim == 3:
        kspace = kspace[:, np.newaxis]
    _, *matrix = kspace.shape
    image_shape = (matrix[0], matrix[1], matrix[2])
    return RawData(
        kspace[np.newaxis], image_shape, image_shape, source_format="NumPy", mapping=mapping
    )


def _check_npy(shape: tuple[int, ...], dtype: np.dtype[np.generic], n_data_bytes: int) -> None:
    if dtype.hasobject:
        raise RawDataError("The NumPy file holds Python objects; k-space must be complex numbers.")
    if dtype.kind != "c":
        raise RawDataError("The NumPy file does not hold complex numbers, so it is not k-space.")
    if len(shape) not in (2, 3, 4) or min(shape) < 1:
        raise RawDataError(
            "The NumPy k-space must have shape (coils, kz, ky, kx), (coils, ky, kx) or (ky, kx) "
            "and not be empty."
        )
    # Python integers: a forged shape cannot overflow.
    if math.prod(shape if len(shape) == 2 else shape[1:]) > MAX_SAMPLES:
        raise RawDataError("The k-space is too large for this reconstruction.")
    if n_data_bytes != math.prod(shape) * dtype.itemsize:
        raise RawDataError("The NumPy file is truncated or damaged: its size is not its shape's.")


def _read_npy_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    try:
        # Version 3 exists for non-ASCII field names only, which k-space has none of.
        read_header = _NPY_HEADER_READERS[npy_format.read_magic(file)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old ways to write a header
            shape, is_fortran, dtype = read_header(file)
    except _NPY_HEADER_ERRORS:
        raise RawDataError("The header of the NumPy file is damaged or truncated.") from None
    return shape, is_fortran, dtype
