"""Write a prepared measurement as an ISMRMRD stream, message by message.

The stream is that of ismrmrd's ProtocolSerializer, Gadgetron's `--from_stream` and Tyger: a number
of 16 bits that says what follows, then it, all little-endian. It tells nothing about the patient.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import ismrmrd
import numpy as np
from ismrmrd.acquisition import AcquisitionHeader
from ismrmrd.serialization import ISMRMRDMessageID
from numpy.typing import NDArray

from scanhub_pipe.header import build_header
from scanhub_reconstruction.model import RawData, SliceGeometry, Volume, release_pages
from scanhub_reconstruction.parallel import ParallelImaging

_REFERENCE = ismrmrd.ACQ_IS_PARALLEL_CALIBRATION
_BOTH = ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING
_LINES_PER_RELEASE = 256


@dataclass(frozen=True, slots=True)
class Measured:
    """Which part of k-space was measured.

    Parameters
    ----------
    lines
        Shape (volumes, kz, ky).
    columns
        Range of kx.
    """

    lines: NDArray[np.bool_]
    columns: slice


def write_stream(raw: RawData) -> Iterator[bytes]:
    """Yield the measurement: its header, its lines sorted by volume, kz and ky, and the end.

    Every line holds the samples that were measured, averaged, whitened where there was a noise
    scan, and for an inverse Fourier transform.

    Parameters
    ----------
    raw
        The prepared measurement.

    Yields
    ------
    bytes
        One message.
    """
    measured = find_measured(raw)
    document = build_header(raw, measured.lines).encode()
    yield struct.pack("<HI", ISMRMRDMessageID.HEADER, len(document)) + document
    for number, (head, samples) in enumerate(_list_lines(raw, measured)):
        head.scan_counter = number
        if raw.is_conjugate:
            samples = np.conjugate(samples)
        message = struct.pack("<H", ISMRMRDMessageID.ACQUISITION) + bytes(head)
        yield message + np.asarray(samples[:, measured.columns], "<c8").tobytes()
        if number % _LINES_PER_RELEASE == 0:
            release_pages(raw.mapping)
    yield struct.pack("<H", ISMRMRDMessageID.CLOSE)


def find_measured(raw: RawData) -> Measured:
    """Return what was measured: the lines that are not only zeros.

    Parameters
    ----------
    raw
        The prepared measurement.

    Returns
    -------
    Measured
        The same columns for all lines.
    """
    n_volumes, n_coils, *matrix = raw.kspace.shape
    lines = np.zeros((n_volumes, *matrix[:2]), np.bool_)
    columns = np.zeros(matrix[2], np.bool_)
    for volume, coil in product(range(n_volumes), range(n_coils)):
        is_signal = raw.read_coil(volume, coil) != 0
        lines[volume] |= is_signal.any(axis=2)
        columns |= is_signal.any(axis=(0, 1))
        release_pages(raw.mapping)
    # A slice beyond a simulated object is zero, and has been measured like the others.
    lines[~lines.any(axis=(1, 2))] = lines.any(axis=0)
    first, last = np.flatnonzero(columns)[[0, -1]].tolist()
    return Measured(lines, slice(first, last + 1))


def _list_lines(
    raw: RawData, measured: Measured
) -> Iterator[tuple[AcquisitionHeader, NDArray[np.complexfloating]]]:
    """Yield header and samples of each line, the reference lines of a volume first."""
    for index, volume in enumerate(raw.volumes):
        references = {} if raw.parallel is None else _list_references(raw.parallel, volume)
        lines = [(int(kz), int(ky)) for kz, ky in np.argwhere(measured.lines[index])]
        is_both = {
            line
            for line, samples in references.items()
            if np.array_equal(samples, raw.kspace[(index, slice(None), *line)])
        }
        for line, samples in references.items():
            if line not in is_both:
                head = _build_head(raw, volume, line, measured.columns)
                head.setFlag(_REFERENCE)
                yield head, samples
        for line in lines:
            head = _build_head(raw, volume, line, measured.columns)
            flags = {_BOTH: line in is_both, **_find_ends(line, lines)}
            flags[ismrmrd.ACQ_LAST_IN_MEASUREMENT] = (
                line == lines[-1] and index == len(raw.volumes) - 1
            )
            for flag in (flag for flag, is_set in flags.items() if is_set):
                head.setFlag(flag)
            yield head, raw.kspace[(index, slice(None), *line)]


def _find_ends(line: tuple[int, int], lines: list[tuple[int, int]]) -> dict[int, bool]:
    is_first, is_last = line == lines[0], line == lines[-1]
    return {
        ismrmrd.ACQ_FIRST_IN_ENCODE_STEP1: is_first,
        ismrmrd.ACQ_FIRST_IN_SLICE: is_first,
        ismrmrd.ACQ_LAST_IN_ENCODE_STEP1: is_last,
        ismrmrd.ACQ_LAST_IN_SLICE: is_last,
    }


def _list_references(
    parallel: ParallelImaging, volume: Volume
) -> dict[tuple[int, int], NDArray[np.complex64]]:
    """Return the samples of this volume's reference lines by (kz, ky), shape (coils, kx)."""
    counters = tuple(read_counters(volume).values())
    if parallel.reference is None or counters not in parallel.counters:
        return {}
    reference = parallel.reference[parallel.counters.index(counters)]
    first_z, first_y = parallel.start
    return {
        (first_z + int(kz), first_y + int(ky)): reference[:, kz, ky]
        for kz, ky in zip(*np.nonzero(reference.any(axis=(0, 3))), strict=True)
    }


def read_counters(volume: Volume) -> dict[str, int]:
    """Return ISMRMRD's counters of a volume, in the order of the images."""
    return {
        "repetition": volume.repetition,
        "set": volume.set_index,
        "phase": volume.phase,
        "contrast": volume.contrast,
        "slice": volume.slice_index,
    }


def _build_head(
    raw: RawData, volume: Volume, line: tuple[int, int], columns: slice
) -> AcquisitionHeader:
    head = AcquisitionHeader()
    head.version = 1
    head.number_of_samples = columns.stop - columns.start
    head.center_sample = raw.kspace.shape[4] // 2 - columns.start
    head.available_channels = head.active_channels = raw.n_coils
    for channel in range(raw.n_coils):
        head.channel_mask[channel // 64] |= 1 << (channel % 64)
    bandwidth_hz = raw.description.pixel_bandwidth_hz
    if bandwidth_hz:
        head.sample_time_us = 1e6 / (bandwidth_hz * raw.kspace.shape[4])
    if volume.geometry is not None:
        place(head, volume.geometry)
    head.idx.kspace_encode_step_2, head.idx.kspace_encode_step_1 = line
    for name, value in read_counters(volume).items():
        setattr(head.idx, name, value)
    return head


def place(head: Any, geometry: SliceGeometry) -> None:
    """Write where a slice lies into the header of a line or of an image."""
    normal = geometry.slice_dir or np.cross(geometry.read_dir, geometry.phase_dir).tolist()
    head.position[:] = geometry.center_mm
    head.read_dir[:], head.phase_dir[:] = geometry.read_dir, geometry.phase_dir
    head.slice_dir[:] = normal
