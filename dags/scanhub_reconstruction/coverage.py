"""Which lines of k-space were measured, and whether an image can be made of them."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from scanhub_reconstruction.model import RawDataError

PARTIAL_PHASE, PARTIAL_FREQUENCY = "PFP", "PFF"  # DICOM PS3.3 C.8.3.1, Scan Options
ZERO_FILLED = "ZERO_FILLED"
_INSIDE = 0.95  # of an ellipse, whose edge is rounded to lines
_LEAST_CORNERS = 0.1  # of the lines; an ellipse leaves out a fifth
_MOST_HOLES = 0.1  # of the samples; noise of one step of a converter is zero as often
LINES_OF_ZEROS = (
    "The measurement holds lines of zeros, which nobody measured: it is undersampled "
    "and needs an unfolding, which this reconstruction does not do."
)
_HOLES = (
    "The measurement holds samples of zeros between others, which nobody measured: it is "
    "undersampled and needs an unfolding, which this reconstruction does not do."
)


def check_covers_half(sizes: tuple[int, ...], encoded_shape: tuple[int, ...]) -> None:
    """Check that zero-filling adds no more than partial Fourier does: less than was measured.

    Parameters
    ----------
    sizes
        How much was measured along each direction.
    encoded_shape
        The encoded matrix.

    Raises
    ------
    RawDataError
        If it is half of the matrix or less.
    """
    if not _covers_half(sizes, encoded_shape):
        raise RawDataError(
            "The measurement is incomplete: it covers no more than half of the encoded matrix."
        )


def _covers_half(sizes: tuple[int, ...], encoded_shape: tuple[int, ...]) -> bool:
    return all(size == 1 or 2 * n > size for n, size in zip(sizes, encoded_shape, strict=True))


def describe_scan_options(
    measured: tuple[slice, ...], encoded_shape: tuple[int, ...], *, is_filled: bool
) -> tuple[str, ...]:
    """Return the scan options that tell how k-space was filled up.

    Parameters
    ----------
    measured
        What was measured along kz, ky and, if need be, kx.
    encoded_shape
        The encoded matrix along these.
    is_filled
        Whether there are zeros for another reason.

    Returns
    -------
    tuple[str, ...]
        Partial Fourier is what covers one side of the centre only; zeros alone refine the pixels.
    """
    options = [ZERO_FILLED] if is_filled else []
    names = (PARTIAL_PHASE, PARTIAL_PHASE, PARTIAL_FREQUENCY)
    for part, size, name in zip(measured, encoded_shape, names, strict=False):
        if part.stop - part.start < size:
            n_before, n_after = size // 2 - part.start, part.stop - size // 2
            # An odd number of lines has one more on a side.
            options += [name, ZERO_FILLED] if abs(n_before - n_after) > 1 else [ZERO_FILLED]
    return tuple(sorted(set(options)))


def check_measured_lines(
    is_measured: NDArray[np.bool_], columns: slice, n_columns: int
) -> tuple[str, ...]:
    """Check that lines of zeros lie around what was measured, and not between.

    Parameters
    ----------
    is_measured
        Which lines are not only zeros, at least one, shape (partitions, rows).
    columns
        As of `check_measured_samples`.
    n_columns
        How many there are.

    Returns
    -------
    tuple[str, ...]
        As of `describe_scan_options`.

    Raises
    ------
    RawDataError
        If it is undersampled.
    """
    box = _find_box(is_measured)
    within = is_measured[box]
    sizes = within.shape
    check_covers_half(sizes, is_measured.shape)
    center = tuple(
        size // 2 - part.start for size, part in zip(is_measured.shape, box, strict=True)
    )
    is_full = bool(within.all())
    if not is_full and not (sizes[0] > 1 and is_elliptical(within, (center[0], center[1]))):
        raise RawDataError(LINES_OF_ZEROS)
    return describe_scan_options(
        (*box, columns), (*is_measured.shape, n_columns), is_filled=not is_full
    )


def check_measured_samples(is_measured: NDArray[np.bool_]) -> slice:
    """Check that samples of zeros lie around what was measured, whichever way a mask has its lines.

    Parameters
    ----------
    is_measured
        Which samples of a volume are not zero, at least one, shape (kz, ky, kx).

    Returns
    -------
    slice
        The columns along kx that are not only zeros.

    Raises
    ------
    RawDataError
        If it is undersampled.
    """
    columns = is_measured.any(axis=(0, 1))
    measured = slice(int(np.argmax(columns)), columns.size - int(np.argmax(columns[::-1])))
    check_covers_half((measured.stop - measured.start,), columns.shape)
    if not columns[measured].all():
        raise RawDataError(LINES_OF_ZEROS)
    n_holes = sum(_count_holes(plane) for plane in is_measured if not plane.all())
    if n_holes > _MOST_HOLES * (n_holes + np.count_nonzero(is_measured)):
        raise RawDataError(_HOLES)
    return measured


def _count_holes(plane: NDArray[np.bool_]) -> int:
    """Return how many zeros have something else on all four sides, near or far."""
    is_hole = ~plane
    for axis in (0, 1):
        for way in (plane, np.flip(plane, axis)):
            before = np.logical_or.accumulate(way, axis=axis)
            is_hole &= before if way is plane else np.flip(before, axis)
    return int(np.count_nonzero(is_hole))


def is_elliptical(is_measured: NDArray[np.bool_], center: tuple[int, int]) -> bool:
    """Return whether the lines fill an ellipse around the centre: 3D scans leave out the corners.

    Parameters
    ----------
    is_measured
        Which lines were measured, shape (partitions, rows).
    center
        Where k = 0 is.

    Returns
    -------
    bool
        False where something else is missing, or hardly anything.
    """
    if np.count_nonzero(~is_measured) < _LEAST_CORNERS * is_measured.size:
        return False
    return "ellipse" in _find_shapes(is_measured, center)


def is_filled_up(is_measured: NDArray[np.bool_], center: tuple[int, int]) -> bool:
    """Return whether the lines fill most of a box or ellipse around the centre, and zeros the rest.

    Parameters
    ----------
    is_measured
        Which lines are not only zeros, at least one, shape (partitions, rows).
    center
        Where k = 0 is.

    Returns
    -------
    bool
        True for what was filled up for finer pixels, and for simulations, whose outer lines may be
        zero in single precision.
    """
    sizes = (int(is_measured.any(axis=1).sum()), int(is_measured.any(axis=0).sum()))
    return _covers_half(sizes, is_measured.shape) and bool(_find_shapes(is_measured, center))


def has_gap(
    is_measured: NDArray[np.bool_], factors: tuple[int, int], center: tuple[int, int]
) -> bool:
    """Return whether more lines are missing side by side than acceleration leaves out.

    Parameters
    ----------
    is_measured
        Which lines were measured, at least one, shape (partitions, rows).
    factors
        Of acceleration along (kz, ky).
    center
        Where k = 0 is.

    Returns
    -------
    bool
        Around what was measured, and in the corners of 3D, any number may be missing.
    """
    box = _find_box(is_measured)
    within = is_measured[box]
    sizes = tuple(map(min, factors, within.shape))
    is_met = sliding_window_view(within, sizes).any(axis=(2, 3))
    if within.shape[0] == 1:
        return not bool(is_met.all())
    away = []
    for size, part, place, n_windows in zip(sizes, box, center, is_met.shape, strict=True):
        ends = np.arange(n_windows) + part.start - place
        farthest = max(place - part.start, part.stop - 1 - place, 1)
        away.append(np.maximum(np.abs(ends), np.abs(ends + size - 1)) / farthest)
    is_inside = np.hypot(away[0][:, np.newaxis], away[1]) < _INSIDE
    return bool(np.any(is_inside & ~is_met))


def _find_box(is_measured: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Return the part of the plane beyond which there is nothing."""
    return tuple(
        slice(int(np.argmax(line)), line.size - int(np.argmax(line[::-1])))
        for line in (is_measured.any(axis=1), is_measured.any(axis=0))
    )


def _find_shapes(is_measured: NDArray[np.bool_], center: tuple[int, int]) -> set[str]:
    """Return what the lines fill around k = 0, or around the middle of an even number of them."""
    middle = tuple((size - 1) / 2 for size in is_measured.shape)
    return {_find_shape(is_measured, place) for place in (center, middle)} - {""}


def _find_shape(is_measured: NDArray[np.bool_], center: tuple[float, ...]) -> str:
    """Return "box" or "ellipse", if that is what the lines fill around the centre, else ""."""
    distances, places = zip(
        *(
            np.unique(np.abs(np.arange(size) - place), return_inverse=True)
            for size, place in zip(is_measured.shape, center, strict=True)
        ),
        strict=True,
    )
    # A quarter of the plane, if it is the same on both sides of the centre.
    grid = np.ix_(*places)
    quarter = np.ones(tuple(distance.size for distance in distances), np.bool_)
    np.logical_and.at(quarter, grid, is_measured)
    if not (quarter[0, 0] and np.array_equal(quarter[grid], is_measured)):
        return ""
    along_z, along_y = (distances[i][quarter.any(axis=1 - i)] for i in (0, 1))
    if quarter[: along_z.size, : along_y.size].all():
        return "box" if quarter.sum() == along_z.size * along_y.size else ""
    is_open = np.any(quarter[1:] & ~quarter[:-1]) or np.any(quarter[:, 1:] & ~quarter[:, :-1])
    radius = np.hypot(
        distances[0][:, np.newaxis] / max(along_z.max(), 1), distances[1] / max(along_y.max(), 1)
    )
    return "ellipse" if not is_open and np.all(radius[~quarter] >= 1) else ""
