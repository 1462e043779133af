"""Tell images that are turned or mirrored, whatever their headers say, by the middle of k-space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from scanhub_pipe.errors import EngineError
from scanhub_pipe.stream import read_counters
from scanhub_reconstruction.model import RawData, release_pages
from scanhub_reconstruction.reconstruction import reconstruct_volume

_WIDTHS = (32, 24, 16, 12, 8)  # lines around k = 0, the most that were all measured
_SHADING_SHARE = 4  # coils shade over a quarter of the image, which engines may take away
_LEAST_DIFFERENCE = 0.05  # of correlations; objects that look alike both ways differ less
_MOST_VOXELS = 2**24  # that memory is spent on

_DARK = 1e-6  # what is left of an image without any structure


def check_is_not_turned(raw: RawData, index: int, image: NDArray[np.float32]) -> None:
    """Compare an image with the coarse one of the lines around k = 0.

    Parameters
    ----------
    raw, index
        The prepared measurement, and which of its volumes the image is of.
    image
        Magnitude, shape `raw.image_shape`.

    Raises
    ------
    EngineError
        If it is clearly more like the coarse image when it is turned or mirrored.
    """
    kspace = _find_middle(raw, index) if image.size <= _MOST_VOXELS else None
    if kspace is None:
        return
    middle = replace(
        raw,
        kspace=kspace[np.newaxis],
        volumes=(raw.volumes[index],),
        mapping=None,
        coil_combination="sum_of_squares",
    )
    coarse = _flatten(reconstruct_volume(middle, 0))
    flat = _flatten(image)
    upright, *others = (_correlate(coarse, each) for each in _list_turned(flat))
    if max(others) > upright + _LEAST_DIFFERENCE:
        raise EngineError(
            "The reconstruction engine sent images that are turned or mirrored against the "
            "measurement."
        )


def _find_middle(raw: RawData, index: int) -> NDArray[np.complex64] | None:
    """Return the lines around k = 0, shape (coils, kz, ky, kx); None where too few are there."""
    n_kz, n_ky = raw.kspace.shape[2:4]
    for lines, (first_z, first_y) in _list_sources(raw, index):
        for width in _WIDTHS:
            sizes = min(width, n_kz), min(width, n_ky)
            start_z = n_kz // 2 - sizes[0] // 2 - first_z
            start_y = n_ky // 2 - sizes[1] // 2 - first_y
            if min(start_z, start_y) < 0:
                continue
            place = slice(start_z, start_z + sizes[0]), slice(start_y, start_y + sizes[1])
            middle = np.asarray(lines[:, *place], np.complex64)
            if middle.shape[1:3] == sizes and middle.any(axis=(0, 3)).all():
                release_pages(raw.mapping)
                return middle
    return None


def _list_sources(raw: RawData, index: int) -> Iterator[tuple[Any, tuple[int, int]]]:
    """Yield arrays of lines, the reference lines first, and where they lie."""
    parallel, counters = raw.parallel, tuple(read_counters(raw.volumes[index]).values())
    if parallel is not None and parallel.reference is not None and counters in parallel.counters:
        yield parallel.reference[parallel.counters.index(counters)], parallel.start
    yield raw.kspace[index], (0, 0)


def _flatten(image: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the image without its shading, from 0 (dark) to 1."""
    values = image.astype(np.float64) / max(float(np.max(image)), float(np.finfo(np.float32).tiny))
    sizes = [max(1, n // _SHADING_SHARE) for n in values.shape]
    shading = uniform_filter(values, sizes, mode="nearest")
    return np.asarray(values / (values + shading + 0.02))


def _list_turned(image: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Yield the image as it is, then mirrored along any axes, and with rows for columns."""
    axes = [axis for axis in range(3) if image.shape[axis] > 1]
    images = [image]
    if image.shape[1] == image.shape[2]:
        images.append(image.swapaxes(1, 2))
    for each, chosen in product(images, product((False, True), repeat=len(axes))):
        turned = each
        for axis, is_chosen in zip(axes, chosen, strict=True):
            if is_chosen:  # about the centre, which is at N // 2
                turned = np.roll(np.flip(turned, axis), 1 - turned.shape[axis] % 2, axis)
        yield turned


def _correlate(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    first, second = first - first.mean(), second - second.mean()
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.vdot(first, second)) / norm if norm > _DARK else 0.0
