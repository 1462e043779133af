"""Find the place of each ISMRMRD acquisition in k-space, and of each volume in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import ismrmrd
import numpy as np
from numpy.typing import NDArray

from scanhub_reconstruction.ismrmrd_header import CartesianEncoding, StepLimits
from scanhub_reconstruction.model import RawDataError, SliceGeometry

# In the order of the images.
_VOLUME_COUNTERS = ("repetition", "contrast", "slice")
# A counter with several values is a further dimension, which has no place in the series yet.
_SINGLE_VALUED_COUNTERS = ("phase", "set")
_MAX_DISTANCE_MM = 1e6  # from the scanner's isocentre
_UNIFORM_FIELDS = (
    "number_of_samples",
    "active_channels",
    "center_sample",
    "discard_pre",
    "discard_post",
    "encoding_space_ref",
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where acquisitions lie in k-space of shape (volumes, coils, kz, ky, kx).

    Parameters
    ----------
    shape
        Shape of k-space.
    counters
        Sorted values of the counters repetition, contrast and slice.
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
    """

    shape: tuple[int, int, int, int, int]
    counters: tuple[list[int], list[int], list[int]]
    lines: NDArray[np.int64]
    ranks: NDArray[np.int64]
    weights: NDArray[np.float32]
    samples: slice
    columns: slice

    @property
    def n_averages(self) -> int:
        """How often the most often acquired line was acquired."""
        return int(np.max(self.ranks)) + 1


def check_is_uniform(heads: NDArray[np.void]) -> None:
    """Check that the acquisitions belong together.

    Parameters
    ----------
    heads
        Acquisition headers, shape (acquisitions,).

    Raises
    ------
    RawDataError
        If they differ in size or meaning.
    """
    for counter in _SINGLE_VALUED_COUNTERS:
        n_values = np.unique(heads["idx"][counter]).size
        if n_values > 1:
            raise RawDataError(
                f"The measurement holds {n_values} {counter}s; "
                "this reconstruction takes slices, contrasts and repetitions only."
            )
    if np.any(heads["flags"] & np.uint64(1 << (ismrmrd.ACQ_IS_REVERSE - 1))):
        raise RawDataError("The measurement has reversed readouts (EPI), which are not supported.")
    for field in _UNIFORM_FIELDS:
        if np.unique(heads[field]).size > 1:
            raise RawDataError(f"The acquisitions are inconsistent: their {field} differs.")
    if int(heads["active_channels"][0]) * int(heads["number_of_samples"][0]) == 0:
        raise RawDataError("The acquisitions hold no samples.")


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
        Every line of every volume is there at least once.

    Raises
    ------
    RawDataError
        If lines are missing or outside the limits of the header.
    """
    samples, columns = _place_samples(heads[0], encoding.encoded_shape[2])
    _check_covers_half(encoding, columns)
    index = heads["idx"]
    n_partitions = np.unique(index["kspace_encode_step_2"]).size
    if n_partitions > 1 and not encoding.is_3d:
        raise RawDataError(
            f"The measurement holds {n_partitions} partitions (3D), but its header describes 2D."
        )
    n_kz, n_ky, n_kx = encoding.encoded_shape
    partitions = _place_steps(index["kspace_encode_step_2"], encoding.partitions, n_kz)
    rows = _place_steps(index["kspace_encode_step_1"], encoding.rows, n_ky)
    values, positions = zip(
        *(np.unique(index[name], return_inverse=True) for name in _VOLUME_COUNTERS), strict=True
    )
    sizes = [value.size for value in values]
    n_volumes = sizes[0] * sizes[1] * sizes[2]  # Python integers cannot overflow
    _check_is_complete(
        np.stack([*positions, partitions, rows]),
        n_volumes * encoding.partitions.n_steps * encoding.rows.n_steps,
    )
    lines = np.stack([np.ravel_multi_index(positions, sizes), partitions, rows])
    ranks, n_repeats = _count_repeats(np.ravel_multi_index(tuple(lines), (n_volumes, n_kz, n_ky)))
    return Layout(
        shape=(n_volumes, int(heads["active_channels"][0]), n_kz, n_ky, n_kx),
        counters=(values[0].tolist(), values[1].tolist(), values[2].tolist()),
        lines=lines,
        ranks=ranks,
        weights=(1 / n_repeats).astype(np.float32),
        samples=samples,
        columns=columns,
    )


def read_geometries(
    heads: NDArray[np.void], layout: Layout, encoding: CartesianEncoding
) -> list[SliceGeometry | None]:
    """Read where each volume lies.

    Parameters
    ----------
    heads
        Acquisition headers, shape (acquisitions,).
    layout
        Their places.
    encoding
        Their encoding.

    Returns
    -------
    list[SliceGeometry | None]
        By volume. All None when one has no directions or two slices claim the same place.
    """
    _, first_acquisitions = np.unique(layout.lines[0], return_index=True)
    geometries = [_read_geometry(heads[i], encoding.is_3d) for i in first_acquisitions]
    n_slices = len(layout.counters[2])
    centers = {geometry.center_mm for geometry in geometries[:n_slices] if geometry}
    if None in geometries or len(centers) < n_slices:
        return [None] * len(geometries)
    return geometries


def measure_slice_spacing_mm(geometries: list[SliceGeometry | None]) -> float | None:
    """Return the distance between neighbouring slices of a stack.

    Parameters
    ----------
    geometries
        One per slice, in order.

    Returns
    -------
    float | None
        In mm; None unless the slices are parallel and evenly spaced.
    """
    known = [geometry for geometry in geometries if geometry is not None]
    if len(known) < 2 or len(known) < len(geometries):
        return None
    directions = np.array([(geometry.read_dir, geometry.phase_dir) for geometry in known])
    centers_mm = np.array([geometry.center_mm for geometry in known])
    steps_mm = np.diff(centers_mm, axis=0) @ np.cross(*directions[0])
    is_stack = np.allclose(directions, directions[0], atol=1e-3) and np.allclose(
        steps_mm, steps_mm[0], rtol=1e-3, atol=1e-3
    )
    spacing_mm = float(abs(np.mean(steps_mm)))
    return spacing_mm if is_stack and spacing_mm > 0 else None


def list_volume_indices(layout: Layout) -> list[tuple[int, int, int]]:
    """Return (repetition, contrast, slice) of each volume, counted from 0.

    Parameters
    ----------
    layout
        The places of the acquisitions.

    Returns
    -------
    list[tuple[int, int, int]]
        In the order of the volumes.
    """
    n_repetitions, n_contrasts, n_slices = (len(values) for values in layout.counters)
    return list(product(range(n_repetitions), range(n_contrasts), range(n_slices)))


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


def _check_covers_half(encoding: CartesianEncoding, columns: slice) -> None:
    """Check that zero-filling adds no more than partial Fourier does: a half per direction."""
    covered = (encoding.partitions.n_steps, encoding.rows.n_steps, columns.stop - columns.start)
    if any(2 * n < size for n, size in zip(covered, encoding.encoded_shape, strict=True)):
        raise RawDataError(
            "The measurement is incomplete: it covers less than half of the encoded matrix."
        )


def _place_steps(steps: NDArray[np.uint16], limits: StepLimits, n_lines: int) -> NDArray[np.int64]:
    if np.min(steps) < limits.first or np.max(steps) > limits.last:
        raise RawDataError(
            "The acquisitions are inconsistent: "
            "a phase-encoding step is outside the limits of the header."
        )
    return steps.astype(np.int64) - limits.center + n_lines // 2


def _check_is_complete(places: NDArray[np.int64], n_expected: int) -> None:
    n_missing = n_expected - np.unique(places, axis=1).shape[1]
    if n_missing:
        raise RawDataError(
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


def _read_geometry(head: np.void, is_3d: bool) -> SliceGeometry | None:
    """Return a volume's position; None unless the directions that matter are orthonormal."""
    position, *directions = (
        head[name].astype(np.float64) for name in ("position", "read_dir", "phase_dir", "slice_dir")
    )
    # NaN is not below any distance either.
    if not (np.abs(position) < _MAX_DISTANCE_MM).all():
        return None
    if not _are_orthonormal(directions[: 3 if is_3d else 2]):
        return None
    return SliceGeometry(
        _to_triple(position),
        _to_triple(directions[0]),
        _to_triple(directions[1]),
        _to_triple(directions[2]) if _are_orthonormal(directions) else None,
    )


def _are_orthonormal(vectors: list[NDArray[np.float64]]) -> bool:
    stacked = np.stack(vectors)
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and Inf are not orthonormal
        products = stacked @ stacked.T
    return bool(np.allclose(products, np.eye(len(vectors)), atol=1e-3))


def _to_triple(vector: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = vector.tolist()
    return x, y, z
