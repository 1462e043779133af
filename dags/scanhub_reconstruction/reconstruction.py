"""Reconstruct magnitude images from Cartesian k-space."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from scanhub_dag.disk import find_room
from scanhub_reconstruction.model import RawData, RawDataError, release_pages
from scanhub_reconstruction.scratch import Scratch

# Where a piece of one array lies, and where it belongs in the other.
_Segment = tuple[slice, slice]


def reconstruct_volume(
    raw: RawData, volume: int, report_coil: Callable[[], None] = lambda: None
) -> NDArray[np.float32]:
    """Return the image of one volume, its coils combined as `raw.coil_combination` says.

    Coils are read and transformed one by one, which keeps the peak memory at the image and one
    coil; the adaptive combination keeps coil images in a file, and takes them partition by
    partition. Root sum of squares: Roemer et al., Magn Reson Med 16:192 (1990).

    Parameters
    ----------
    raw
        k-space of shape (volumes, coils, kz, ky, kx).
    volume
        Index of the volume.
    report_coil
        Called after each coil.

    Returns
    -------
    NDArray[np.float32]
        Magnitude, shape (partitions, rows, columns) = `raw.image_shape`, in the units of k-space.

    Raises
    ------
    RawDataError
        If the values are too large for single precision.
    """
    # Squares of float32 overflow early. A power of two near the peak avoids that exactly.
    scale = 2.0 ** -max(-120, min(120, math.frexp(raw.peak or 1.0)[1]))
    coils = _read_coils(raw, volume, scale, report_coil)
    if raw.coil_combination == "adaptive":
        image = _combine_adaptively(raw, coils)
    else:
        image = _combine_by_squares(raw, coils)
    # The comparison is False for NaN as well.
    if not float(np.max(image)) / scale <= np.finfo(np.float32).max:
        raise RawDataError("The values of the k-space are too large for single precision.")
    image *= np.float32(1 / scale)
    return image


def _read_coils(
    raw: RawData, volume: int, scale: float, report_coil: Callable[[], None]
) -> Iterator[NDArray[np.complex64]]:
    """Yield the k-space of each coil, to be overwritten, as the inverse transform expects it."""
    kspace = np.zeros(raw.transform_shape, np.complex64)
    for coil in range(raw.n_coils):
        copy_centered(raw.read_coil(volume, coil), kspace, scale)
        release_pages(raw.mapping)
        if raw.is_conjugate:
            np.conjugate(kspace, out=kspace)
        yield kspace
        report_coil()


def _combine_by_squares(
    raw: RawData, coils: Iterator[NDArray[np.complex64]]
) -> NDArray[np.float32]:
    sum_of_squares = np.zeros(raw.image_shape, np.float32)
    for kspace in coils:
        add_squared_image(kspace, sum_of_squares)
    np.sqrt(sum_of_squares, out=sum_of_squares)
    return np.asarray(scipy.fft.fftshift(sum_of_squares))


def _combine_adaptively(
    raw: RawData, coils: Iterator[NDArray[np.complex64]]
) -> NDArray[np.float32]:
    # SciPy's filters take a while to load, and are rarely wanted.
    from scanhub_reconstruction.coil_combination import combine_adaptively

    n_partitions, *matrix = raw.image_shape
    with tempfile.TemporaryFile() as file:
        scratch = Scratch(file.fileno(), find_room(Path(tempfile.gettempdir())))
        coil_images, mapping = scratch.allocate((n_partitions, raw.n_coils, *matrix))
        for coil, kspace in enumerate(coils):
            for part, place in _transform_parts(kspace, raw.image_shape):
                coil_images[:, coil][place] = part
            release_pages(mapping)
        image = np.empty(raw.image_shape, np.float32)
        for target, source in zip(image, scipy.fft.fftshift(np.arange(n_partitions)), strict=True):
            shifted = scipy.fft.fftshift(coil_images[source], axes=(1, 2))
            target[...] = combine_adaptively(shifted)
            release_pages(mapping)
    return image


def add_squared_image(kspace: NDArray[np.complex64], sum_of_squares: NDArray[np.float32]) -> None:
    """Add the squared magnitude of the orthonormal inverse discrete Fourier transform.

    x[n] = 1/√N Σ_k X[k] exp(+2πi (k - N//2)(n - N//2) / N) along all axes: k = 0 and the image's
    centre are at index N//2, for odd N too, and the sum of squares (so the noise's standard
    deviation) is the same in both domains. No coil is shifted: shifting k-space changes the image's
    phase only, and the sum is shifted by the caller, once. Columns outside the image
    (oversampling) are left out of the transforms along the other axes.

    Parameters
    ----------
    kspace
        Shape (kz, ky, kx); overwritten.
    sum_of_squares
        Shape (partitions, rows, columns), not larger; added to. The image's centre is at index 0,
        as of an array before fftshift.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # Inf and NaN are refused by the caller
        for part, place in _transform_parts(kspace, sum_of_squares.shape):
            _add_squares(part, sum_of_squares[place])


def _transform_parts(
    kspace: NDArray[np.complex64], image_shape: tuple[int, ...]
) -> Iterator[tuple[NDArray[np.complex64], tuple[slice, slice, slice]]]:
    """Yield the parts of the complex image, and where each belongs."""
    segments = [_find_segments(*sizes) for sizes in zip(kspace.shape, image_shape, strict=True)]
    hybrid = _transform(kspace, (2,))
    for source, target in segments[2]:
        part = _transform(hybrid[:, :, source], (0, 1))
        for (partitions, to_partitions), (rows, to_rows) in product(segments[0], segments[1]):
            yield part[partitions, rows], (to_partitions, to_rows, target)


def _transform(array: NDArray[np.complex64], axes: tuple[int, ...]) -> NDArray[np.complex64]:
    axes = tuple(axis for axis in axes if array.shape[axis] > 1)
    transformed = scipy.fft.ifftn(array, axes=axes, norm="ortho", overwrite_x=True, workers=-1)
    return np.asarray(transformed, np.complex64)


def _add_squares(part: NDArray[np.complex64], target: NDArray[np.float32]) -> None:
    """Add |part|² to target, one partition at a time, so that the temporary arrays stay small."""
    for partition, image in zip(part, target, strict=True):
        image += np.square(partition.real)
        image += np.square(partition.imag)


def _find_segments(transform_size: int, image_size: int) -> list[_Segment]:
    """Return where the halves of the image lie, both arrays having their centre at index 0."""
    if image_size == transform_size:
        return [(slice(None), slice(None))]
    n_before = image_size // 2
    n_after = image_size - n_before
    return [
        (slice(0, n_after), slice(0, n_after)),
        (slice(transform_size - n_before, transform_size), slice(n_after, image_size)),
    ]


def copy_centered(
    source: NDArray[np.complex64], target: NDArray[np.complex64], scale: float = 1.0
) -> None:
    """Crop or zero-fill all axes so that the element at index N//2 comes to N//2.

    Zero-filling k-space interpolates the image.

    Parameters
    ----------
    source
        As many axes as the target.
    target
        Overwritten.
    scale
        What to multiply the source by.
    """
    overlaps = [_find_overlap(*sizes) for sizes in zip(source.shape, target.shape, strict=True)]
    taken, given = (tuple(part) for part in zip(*overlaps, strict=True))
    if target[given].size < target.size:
        target[...] = 0
    np.multiply(source[taken], np.complex64(scale), out=target[given])


def _find_overlap(source_size: int, target_size: int) -> _Segment:
    """Return where the common part of two axes, aligned at N//2, lies in each."""
    n_before = min(source_size // 2, target_size // 2)
    n_after = min(source_size - source_size // 2, target_size - target_size // 2)
    return (
        slice(source_size // 2 - n_before, source_size // 2 + n_after),
        slice(target_size // 2 - n_before, target_size // 2 + n_after),
    )
