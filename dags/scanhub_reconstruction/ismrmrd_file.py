"""Read a Cartesian measurement from an ISMRMRD (HDF5) file."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from scanhub_reconstruction.coverage import LINES_OF_ZEROS, describe_scan_options, is_filled_up
from scanhub_reconstruction.hdf5 import open_file
from scanhub_reconstruction.ismrmrd_description import read_description
from scanhub_reconstruction.ismrmrd_geometry import (
    measure_slice_spacing_mm,
    read_geometries,
    read_slice_thickness_mm,
)
from scanhub_reconstruction.ismrmrd_groups import Measurement, find_measurement, translate_damage
from scanhub_reconstruction.ismrmrd_header import (
    CartesianEncoding,
    list_implausible,
    read_echo_times_ms,
    read_encoding,
    read_scan_parameters,
)
from scanhub_reconstruction.ismrmrd_layout import (
    Layout,
    list_volume_indices,
    plan_layout,
)
from scanhub_reconstruction.ismrmrd_references import References, find_references
from scanhub_reconstruction.ismrmrd_support import check_is_uniform
from scanhub_reconstruction.model import (
    RawData,
    RawDataError,
    SliceGeometry,
    Volume,
    release_pages,
)
from scanhub_reconstruction.parallel import ParallelImaging
from scanhub_reconstruction.prewhitening import find_whitening
from scanhub_reconstruction.scratch import Scratch
from scanhub_reconstruction.xml_header import parse_header

_BLOCK_BYTES = 2**22
_MAX_NOISE_READOUTS = 1024
_ELLIPTICAL = "The corners of k-space were not acquired (elliptical) and are zeros."
_OUTER_ZEROS = "The outer lines of k-space are zeros in the file."
_NO_PLACE = "The acquisitions do not tell where all images lie, so no image has a place."
_TOO_CLOSE = (
    "The slices are hardly apart for their thickness, as if their places were not in millimetres, "
    "so no image has a place."
)
_LEAST_SPACING = 0.05  # of the thickness; slices overlap by half at most
_AVERAGED = "Lines were acquired several times, uncounted as averages, and were averaged."
_BLACK = "Some slices or repetitions of k-space are zeros in the file."
_PRESCAN = "Lines of a scan for surface coil correction beside the image are left out."
_NO_NOISE = "The file's noise scan does not tell the noise of the coils and is not used."


def read_ismrmrd(path: Path, scratch: Scratch, *, is_acceleration_taken: bool = False) -> RawData:
    """Read one 2D or 3D Cartesian measurement, fully sampled unless acceleration is taken.

    Acquisitions flagged as noise, calibration, navigator or the like make no image; repeated lines
    (averages) are averaged, so that the image's scale does not depend on their number. Samples
    are sorted into another file, a block of acquisitions at a time: ISMRMRD keeps the
    coils of a readout together, the reconstruction wants all readouts of a coil. The file's noise
    scan, if there is one, whitens them on the way.

    Parameters
    ----------
    path
        An HDF5 file with ISMRMRD's group `dataset`, or a single one of another name.
    scratch
        Takes the samples.
    is_acceleration_taken
        Whether an engine unfolds what is undersampled.

    Returns
    -------
    RawData
        k-space on the encoded matrix with k = 0 at index (kz // 2, ky // 2, kx // 2).

    Raises
    ------
    RawDataError
        If the file is damaged, incomplete or not Cartesian.
    """
    with translate_damage():
        file = open_file(path)
    with file:
        measurement, noise, mends = find_measurement(file, path.stat().st_size)
        header, header_mends = parse_header(measurement.document)
        heads = measurement.heads[measurement.imaging]
        check_is_uniform(heads)
        encoding = read_encoding(header, heads, is_acceleration_taken=is_acceleration_taken)
        layout = plan_layout(heads, encoding)
        geometries = read_geometries(heads, layout, encoding)
        whitening = _read_whitening(noise, layout.shape[1])
        references = find_references(measurement, encoding, layout)
        shapes = [layout.shape, *([references.layout.shape] if references else [])]
        samples, mapping = scratch.allocate((sum(math.prod(shape) for shape in shapes),))
        kspace = samples[: math.prod(layout.shape)].reshape(layout.shape)
        sort = partial(_sort_readouts, measurement, whitening=whitening, mapping=mapping)
        has_signal = sort(measurement.imaging, layout, kspace)
        parallel = _describe_acceleration(encoding, references)
        if references is not None and parallel is not None:
            reference = samples[kspace.size :].reshape(references.layout.shape)
            sort(references.numbers, references.layout, reference)
            parallel = replace(parallel, reference=reference)
    is_filled = parallel is None and _check_zeros(layout, has_signal, encoding)
    places, thickness_mm, spacing_mm, place_mends = _measure_stack(geometries, layout, encoding)
    scan = read_scan_parameters(header, encoding, thickness_mm, spacing_mm)
    said = {
        _ELLIPTICAL: layout.is_elliptical,
        _OUTER_ZEROS: is_filled,
        _NO_NOISE: noise.noise.size > 0 and whitening is None,
        _AVERAGED: layout.n_averages > np.unique(heads["idx"]["average"]).size,
        _BLACK: np.unique(layout.lines[0, has_signal.any(axis=1)]).size < layout.shape[0],
        _PRESCAN: measurement.has_prescan,
    }
    mends += header_mends + list_implausible(header) + encoding.mends + place_mends
    return RawData(
        kspace,
        encoding.transform_shape,
        encoding.image_shape,
        source_format="ISMRMRD",
        scan=scan,
        n_averages=layout.n_averages,
        volumes=_build_volumes(layout, read_echo_times_ms(header, layout.contrasts), places),
        mapping=mapping,
        scan_options=describe_scan_options(
            (*encoding.measured, layout.columns),
            encoding.encoded_shape,
            is_filled=is_filled or layout.is_elliptical or encoding.is_interpolated,
        ),
        mends=(*mends, *(sentence for sentence, is_so in said.items() if is_so)),
        is_prewhitened=whitening is not None,
        description=read_description(header, heads[0], layout, encoding),
        parallel=parallel,
    )


def _measure_stack(
    geometries: list[SliceGeometry | None], layout: Layout, encoding: CartesianEncoding
) -> tuple[list[SliceGeometry | None], float | None, float | None, tuple[str, ...]]:
    """Return where the volumes lie, thickness and spacing in mm, and what is wrong with them."""
    spacing_mm = measure_slice_spacing_mm(geometries[: layout.n_slices])
    thickness_mm, mends = read_slice_thickness_mm(encoding, layout.n_slices, spacing_mm)
    if (spacing_mm or math.inf) < _LEAST_SPACING * (thickness_mm or 0.0):
        return [None] * len(geometries), thickness_mm, None, (*mends, _TOO_CLOSE)
    if geometries[0] is None:
        mends = (*mends, _NO_PLACE)
    if encoding.image_shape[0] > 1:
        spacing_mm = thickness_mm
    return geometries, thickness_mm, spacing_mm, mends


def _describe_acceleration(
    encoding: CartesianEncoding, references: References | None
) -> ParallelImaging | None:
    if encoding.acceleration == (1, 1):
        return None
    parallel = ParallelImaging(encoding.acceleration, encoding.calibration_mode)
    if references is None:
        return parallel
    # Another scan may have another contrast: its lines are none of the image's.
    is_other = references.is_beside and encoding.calibration_mode == "embedded"
    mode = "separate" if is_other else encoding.calibration_mode
    return replace(
        parallel, calibration_mode=mode, start=references.start, counters=references.counters
    )


def _build_volumes(
    layout: Layout,
    echo_times_ms: Sequence[float | None],
    geometries: Sequence[SliceGeometry | None],
) -> tuple[Volume, ...]:
    indices = list_volume_indices(layout)
    return tuple(
        Volume(repetition, contrast, number, echo_times_ms[contrast], geometry, phase, set_index)
        for (repetition, set_index, phase, contrast, number), geometry in zip(
            indices, geometries, strict=True
        )
    )


def _check_zeros(
    layout: Layout, has_signal: NDArray[np.bool_], encoding: CartesianEncoding
) -> bool:
    """Check that lines of zeros lie around what was measured, and return whether there are any.

    `has_signal` has shape (acquisitions, coils), without coils that are dead.
    """
    if has_signal.all():
        return False
    is_measured = np.zeros((layout.shape[0], *layout.shape[2:4]), np.bool_)
    is_whole = has_signal.all(axis=1)
    is_measured[tuple(layout.lines[:, is_whole])] = True
    volumes_with_signal = layout.lines[0, has_signal.any(axis=1)]
    center = (layout.shape[2] // 2, layout.shape[3] // 2)
    is_filled = False
    # Slices beyond a simulated object have no signal at all.
    for volume in np.intersect1d(layout.lines[0, ~is_whole], volumes_with_signal):
        within = is_measured[volume][encoding.measured]
        start = tuple(part.start for part in encoding.measured)
        if not within.all():
            is_filled = True
            middle = (center[0] - start[0], center[1] - start[1])
            if not within.any() or not is_filled_up(within, middle):
                raise RawDataError(LINES_OF_ZEROS)
    return is_filled


def _read_whitening(noise: Measurement, n_coils: int) -> NDArray[np.complex64] | None:
    numbers = noise.noise
    if numbers.size == 0:
        return None
    heads = noise.heads
    numbers = numbers[heads["active_channels"][numbers] == n_coils][:_MAX_NOISE_READOUTS]

    def read() -> Iterator[NDArray[np.complex64]]:
        for block, vectors in _read_blocks(noise.data, numbers, 64):
            for number, vector in zip(numbers[block], vectors, strict=True):
                n_samples = int(heads["number_of_samples"][number])
                if vector.size == 2 * n_coils * n_samples:
                    yield _stack_readouts([vector], n_coils, n_samples)[0]

    return find_whitening(read(), n_coils)


def _read_blocks(
    data: h5py.Dataset, numbers: NDArray[np.int64], n_readouts: int
) -> Iterator[tuple[slice, list[NDArray[np.floating]]]]:
    """Yield which of those acquisitions it read, and the samples of each."""
    stored = h5py.check_vlen_dtype(data.dtype["data"])
    for start in range(0, int(numbers[-1]) + 1 if numbers.size else 0, n_readouts):
        block = slice(*np.searchsorted(numbers, (start, start + n_readouts)).tolist())
        if block.start == block.stop:
            continue
        # One read for many acquisitions: 60 times faster than one by one.
        with translate_damage():
            vectors = list(data[start : start + n_readouts]["data"][numbers[block] - start])
        if not stored.isnative:
            # h5py gives big-endian bytes in vectors that it says are native.
            vectors = [vector.view(stored) for vector in vectors]
        yield block, vectors


def _sort_readouts(
    measurement: Measurement,
    numbers: NDArray[np.int64],
    layout: Layout,
    kspace: NDArray[np.complex64],
    *,
    whitening: NDArray[np.complex64] | None,
    mapping: mmap.mmap,
) -> NDArray[np.bool_]:
    """Write the acquisitions where the layout says; return in which coils they have signal."""
    head = measurement.heads[numbers[0]]
    n_coils, n_samples = int(head["active_channels"]), int(head["number_of_samples"])
    n_readouts = max(1, _BLOCK_BYTES // (8 * n_coils * n_samples))
    has_signal = np.empty((numbers.size, n_coils), np.bool_)
    for block, vectors in _read_blocks(measurement.data, numbers, n_readouts):
        readouts = _stack_readouts(vectors, n_coils, n_samples)[:, :, layout.samples]
        has_signal[block] = readouts.any(axis=2)
        if whitening is not None:
            with np.errstate(invalid="ignore", over="ignore"):
                readouts = whitening @ readouts
        _place_readouts(readouts, layout, block, kspace)
        release_pages(mapping)
    return has_signal[:, has_signal.any(axis=0)]


def _stack_readouts(
    vectors: Sequence[NDArray[np.floating]], n_coils: int, n_samples: int
) -> NDArray[np.complex64]:
    """Return the samples, shape (acquisitions, coils, samples)."""
    if any(vector.size != 2 * n_coils * n_samples for vector in vectors):
        raise RawDataError(
            "The acquisitions are inconsistent: their data do not have the announced size."
        )
    samples = np.concatenate(vectors).astype(np.float32, copy=False).view(np.complex64)
    return samples.reshape(-1, n_coils, n_samples)


def _place_readouts(
    readouts: NDArray[np.complex64],
    layout: Layout,
    block: slice,
    kspace: NDArray[np.complex64],
) -> None:
    """Add readouts (acquisitions, coils, samples), averaged, to k-space."""
    ranks = layout.ranks[block]
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and Inf are refused by the caller
        if layout.n_averages > 1:
            readouts = readouts * layout.weights[block, np.newaxis, np.newaxis]
        for rank in np.unique(ranks):  # within one rank, no line is there twice
            is_chosen = ranks == rank
            volumes, partitions, rows = layout.lines[:, block][:, is_chosen]
            places = (volumes, slice(None), partitions, rows, layout.columns)
            if rank == 0:
                kspace[places] = readouts[is_chosen]
            else:
                kspace[places] += readouts[is_chosen]
