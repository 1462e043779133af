"""Find the place of each ISMRMRD acquisition in k-space."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from scanhub_reconstruction.coverage import check_covers_half, has_gap, is_elliptical
from scanhub_reconstruction.ismrmrd_header import CartesianEncoding
from scanhub_reconstruction.ismrmrd_limits import StepLimits
from scanhub_reconstruction.model import RawDataError

# In the order of the images.
VOLUME_COUNTERS = ("repetition", "set", "phase", "contrast", "slice")


_LEAST_ELLIPTICAL = 0.7  # of the lines; an ellipse has 0.785
_MAX_EMPTY_STEPS = 4  # at an end of k-space, by the factor of acceleration


@dataclass(frozen=True, slots=True)
class Layout:
    """Where acquisitions lie in k-space of shape (volumes, coils, kz, ky, kx).

    Parameters
    ----------
    shape
        Shape of k-space.
    counters
        Sorted values of the counters repetition, set, phase, contrast and slice.
    lines
        Indices (volume, kz, ky), shape (3, acquisitions).
    ranks
        How many earlier acquisitions have the same line, shape (acquisitions,).
    weights
        One over the number of acquisitions of the same line, shape (acquisitions,).
    samples
        The samples of a readout that are not to be discarded.
    columns
        Where those lie along kx.
    is_elliptical
        Whether the corners of the plane (kz, ky) were left out.
    """

    shape: tuple[int, int, int, int, int]
    counters: tuple[tuple[int, ...], ...]
    lines: NDArray[np.int64]
    ranks: NDArray[np.int64]
    weights: NDArray[np.float32]
    samples: slice
    columns: slice
    is_elliptical: bool

    @property
    def n_slices(self) -> int:
        """How many slices there are."""
        return len(self.counters[-1])

    @property
    def contrasts(self) -> tuple[int, ...]:
        """The values of the contrast counter."""
        return self.counters[-2]

    @property
    def n_averages(self) -> int:
        """How often the most often acquired line was acquired."""
        return int(np.max(self.ranks)) + 1


def plan_layout(heads: NDArray[np.void], encoding: CartesianEncoding) -> Layout:
    """Find the place of each acquisition, once all expected lines are there.

    Parameters
    ----------
    heads
        Uniform acquisition headers, shape (acquisitions,).
    encoding
        Their encoding.

    Returns
    -------
    Layout
        Every line of every volume is there at least once, or as many as acceleration leaves.

    Raises
    ------
    RawDataError
        If lines are missing or outside the limits of the header.
    """
    layout = lay_out(heads, encoding)
    if encoding.acceleration != (1, 1):
        _check_is_accelerated(layout, encoding)
        return layout
    is_elliptical = _check_is_complete(layout.lines, layout.shape[0], encoding)
    return replace(layout, is_elliptical=is_elliptical)


def lay_out(heads: NDArray[np.void], encoding: CartesianEncoding) -> Layout:
    """Find the place of each acquisition, whether others are missing or not.

    Parameters
    ----------
    heads, encoding
        As of `plan_layout`.

    Raises
    ------
    RawDataError
        If lines are outside the limits of the header, or whole volumes are missing.
    """
    samples, columns = _place_samples(heads[0], encoding.encoded_shape[2])
    n_kz, n_ky, n_kx = encoding.encoded_shape
    check_covers_half(
        (encoding.partitions.n_steps, encoding.rows.n_steps, columns.stop - columns.start),
        encoding.encoded_shape,
    )
    index = heads["idx"]
    partitions = np.zeros(heads.size, np.int64)
    if encoding.is_3d:
        partitions = _place_steps(index["kspace_encode_step_2"], encoding.partitions, n_kz)
    rows = _place_steps(index["kspace_encode_step_1"], encoding.rows, n_ky)
    values, positions = zip(
        *(np.unique(index[name], return_inverse=True) for name in VOLUME_COUNTERS), strict=True
    )
    sizes = [value.size for value in values]
    n_volumes = math.prod(sizes)  # Python integers cannot overflow
    if n_volumes > heads.size:
        n_expected = n_volumes * encoding.partitions.n_steps * encoding.rows.n_steps
        places = np.stack([*positions, partitions, rows])
        raise _build_refusal(n_expected - np.unique(places, axis=1).shape[1], n_expected)
    lines = np.stack([np.ravel_multi_index(positions, sizes), partitions, rows])
    ranks, n_repeats = _count_repeats(np.ravel_multi_index(tuple(lines), (n_volumes, n_kz, n_ky)))
    return Layout(
        shape=(n_volumes, int(heads["active_channels"][0]), n_kz, n_ky, n_kx),
        counters=tuple(tuple(value.tolist()) for value in values),
        lines=lines,
        ranks=ranks,
        weights=(1 / n_repeats).astype(np.float32),
        samples=samples,
        columns=columns,
        is_elliptical=False,
    )


def list_volume_indices(layout: Layout) -> list[tuple[int, ...]]:
    """Return (repetition, set, phase, contrast, slice) of each volume, counted from 0.

    Parameters
    ----------
    layout
        The places of the acquisitions.

    Returns
    -------
    list[tuple[int, ...]]
        In the order of the volumes.
    """
    return list(product(*(range(len(values)) for values in layout.counters)))


def _check_is_accelerated(layout: Layout, encoding: CartesianEncoding) -> None:
    """Check that no volume has fewer lines than its acceleration leaves, ends early or has gaps."""
    n_volumes, _, n_kz, n_ky, _ = layout.shape
    is_measured = np.zeros((n_volumes, n_kz, n_ky), np.bool_)
    is_measured[tuple(layout.lines)] = True
    factor_y, factor_z = encoding.acceleration
    n_expected = (encoding.rows.n_steps // factor_y) * (encoding.partitions.n_steps // factor_z)
    if encoding.is_3d:  # whose corners may be left out
        n_expected = int(_LEAST_ELLIPTICAL * n_expected)
    n_acquired = np.count_nonzero(is_measured, axis=(1, 2))
    if int(np.min(n_acquired)) < n_expected:
        n_missing = int(np.maximum(n_expected - n_acquired, 0).sum())
        raise _build_refusal(n_missing, n_volumes * n_expected)
    sides = ((1, encoding.rows, n_ky, factor_y), (2, encoding.partitions, n_kz, factor_z))
    for axis, limits, n_lines, factor in sides:
        within = is_measured.any(axis=axis)[:, limits.place(n_lines)]
        n_empty = [np.argmax(side, axis=1) for side in (within, within[:, ::-1])]
        if int(np.max(n_empty)) >= _MAX_EMPTY_STEPS * factor:
            raise RawDataError(
                "The measurement is incomplete: the lines of one side of k-space are missing."
            )
    center = n_kz // 2, n_ky // 2
    if any(has_gap(volume, (factor_z, factor_y), center) for volume in is_measured):
        raise RawDataError(
            "The measurement leaves out more lines side by side than its acceleration factor says: "
            "lines are missing, or it is undersampled irregularly, which no engine is given."
        )


def _check_is_complete(
    lines: NDArray[np.int64], n_volumes: int, encoding: CartesianEncoding
) -> bool:
    """Return whether only the corners of 3D volumes are missing, in all alike; refuse the rest."""
    n_kz, n_ky, _ = encoding.encoded_shape
    n_acquired = np.unique(np.ravel_multi_index(tuple(lines), (n_volumes, n_kz, n_ky))).size
    n_expected = n_volumes * encoding.partitions.n_steps * encoding.rows.n_steps
    if n_acquired == n_expected:
        return False
    if encoding.is_3d and 2 * n_acquired > n_expected:
        is_measured = np.zeros((n_volumes, n_kz, n_ky), np.bool_)
        is_measured[tuple(lines)] = True
        partitions, rows = encoding.partitions, encoding.rows
        within = is_measured[0][partitions.place(n_kz), rows.place(n_ky)]
        center = (partitions.center - partitions.first, rows.center - rows.first)
        if np.all(is_measured == is_measured[0]) and is_elliptical(within, center):
            return True
    raise _build_refusal(n_expected - n_acquired, n_expected)


def _place_samples(head: np.void, n_columns: int) -> tuple[slice, slice]:
    n_samples = int(head["number_of_samples"])
    first, last = int(head["discard_pre"]), n_samples - int(head["discard_post"])
    # Writers that leave center_sample at 0 mean the middle: no Cartesian readout starts at kx = 0.
    offset = n_columns // 2 - (int(head["center_sample"]) or n_samples // 2)
    if not (first < last and first + offset >= 0 and last + offset <= n_columns):
        raise RawDataError(
            "The acquisitions are inconsistent: the readout does not fit the encoded matrix."
        )
    return slice(first, last), slice(first + offset, last + offset)


def _place_steps(steps: NDArray[np.uint16], limits: StepLimits, n_lines: int) -> NDArray[np.int64]:
    if np.min(steps) < limits.first or np.max(steps) > limits.last:
        raise RawDataError(
            "The acquisitions are inconsistent: "
            "a phase-encoding step is outside the limits of the header."
        )
    return steps.astype(np.int64) - limits.center + n_lines // 2


def _build_refusal(n_missing: int, n_expected: int) -> RawDataError:
    return RawDataError(
        f"The measurement is incomplete: {n_missing} of {n_expected} "
        "phase-encoding lines are missing."
    )


def _count_repeats(lines: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many earlier acquisitions have the same line, and how many have it in all."""
    _, groups, n_repeats = np.unique(lines, return_inverse=True, return_counts=True)
    order = np.argsort(groups, kind="stable")
    ranks = np.empty_like(groups)
    starts = np.cumsum(n_repeats) - n_repeats
    ranks[order] = np.arange(lines.size) - np.repeat(starts, n_repeats)
    return ranks, n_repeats[groups]
