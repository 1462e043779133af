"""Read a Cartesian measurement from an ISMRMRD (HDF5) file."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import ismrmrd
import numpy as np
from ismrmrd.hdf5 import acquisition_header_dtype
from numpy.lib.recfunctions import require_fields
from numpy.typing import NDArray

from scanhub_reconstruction.ismrmrd_header import (
    parse_header,
    read_echo_times_ms,
    read_encoding,
    read_scan_parameters,
)
from scanhub_reconstruction.ismrmrd_layout import (
    Layout,
    check_is_uniform,
    list_volume_indices,
    measure_slice_spacing_mm,
    plan_layout,
    read_geometries,
)
from scanhub_reconstruction.model import RawData, RawDataError, Volume, release_pages
from scanhub_reconstruction.scratch import create_scratch

_GROUP = "dataset"
_NOT_IMAGING_FLAGS = (
    ismrmrd.ACQ_IS_NOISE_MEASUREMENT,
    ismrmrd.ACQ_IS_PARALLEL_CALIBRATION,
    ismrmrd.ACQ_IS_NAVIGATION_DATA,
    ismrmrd.ACQ_IS_PHASECORR_DATA,
    ismrmrd.ACQ_IS_HPFEEDBACK_DATA,
    ismrmrd.ACQ_IS_DUMMYSCAN_DATA,
    ismrmrd.ACQ_IS_RTFEEDBACK_DATA,
    ismrmrd.ACQ_IS_SURFACECOILCORRECTIONSCAN_DATA,
    ismrmrd.ACQ_IS_PHASE_STABILIZATION_REFERENCE,
    ismrmrd.ACQ_IS_PHASE_STABILIZATION,
)
_BLOCK_BYTES = 2**22
_HEADS_PER_BLOCK = 64


def read_ismrmrd(path: Path) -> RawData:
    """Read one fully sampled 2D or 3D Cartesian measurement.

    Acquisitions flagged as noise, calibration, navigator or the like are ignored; repeated lines
    (averages) are averaged, so that the image's scale does not depend on their number. Samples
    are sorted into a file beside this one, a block of acquisitions at a time: ISMRMRD keeps the
    coils of a readout together, the reconstruction wants all readouts of a coil.

    Parameters
    ----------
    path
        An HDF5 file with ISMRMRD's group `dataset`.

    Returns
    -------
    RawData
        k-space on the encoded matrix with k = 0 at index (kz // 2, ky // 2, kx // 2).

    Raises
    ------
    RawDataError
        If the file is damaged, incomplete or not Cartesian.
    """
    with _translate_damage():
        file = h5py.File(path, "r")
    with file:
        document, data = _open_datasets(file)
        with _translate_damage():
            heads = _read_heads(data)
        header = parse_header(document)
        numbers = np.flatnonzero(_is_imaging(heads["flags"]))
        heads = heads[numbers]
        if heads.size == 0:
            raise RawDataError("The ISMRMRD file holds no acquisitions to make an image of.")
        check_is_uniform(heads)
        encoding = read_encoding(header, int(heads["encoding_space_ref"][0]))
        layout = plan_layout(heads, encoding)
        kspace, mapping = create_scratch(layout.shape, path.parent)
        _sort_readouts(data, numbers, heads, layout, kspace, mapping)
    geometries = read_geometries(heads, layout, encoding)
    echo_times_ms = read_echo_times_ms(header, layout.counters[1])
    spacing_mm = measure_slice_spacing_mm(geometries[: len(layout.counters[2])])
    if encoding.image_shape[0] > 1:
        spacing_mm = encoding.slice_thickness_mm
    return RawData(
        kspace,
        encoding.transform_shape,
        encoding.image_shape,
        source_format="ISMRMRD",
        scan=read_scan_parameters(header, encoding, spacing_mm),
        n_averages=layout.n_averages,
        volumes=tuple(
            Volume(*index, echo_times_ms[index[1]], geometry)
            for index, geometry in zip(list_volume_indices(layout), geometries, strict=True)
        ),
        mapping=mapping,
    )


@contextmanager
def _translate_damage() -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError, TypeError):  # what h5py raises on damage
        raise RawDataError("The ISMRMRD (HDF5) file is damaged or truncated.") from None


def _open_datasets(file: h5py.File) -> tuple[bytes, h5py.Dataset]:
    """Return the XML header, and the dataset of the acquisitions."""
    with _translate_damage():
        xml, data = _find_dataset(file, "xml"), _find_dataset(file, "data")
        if xml is None or xml.size == 0:
            raise RawDataError("The ISMRMRD header is missing from the HDF5 file.")
        if data is None or data.size == 0:
            raise RawDataError("The ISMRMRD file holds no acquisitions.")
        document = xml[()] if xml.ndim == 0 else xml[0]
    if not isinstance(document, str | bytes):
        raise RawDataError("The ISMRMRD header is invalid: it is not text.")
    return document.encode() if isinstance(document, str) else document, data


def _find_dataset(file: h5py.File, name: str) -> h5py.Dataset | None:
    """Return a dataset of the ISMRMRD group whose bytes are in this file, not in a linked one."""
    group = file.get(_GROUP)
    if not isinstance(group, h5py.Group) or name not in group:
        return None
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        return None
    dataset = group[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        return None
    return dataset


def _read_heads(data: h5py.Dataset) -> NDArray[np.void]:
    """Return the acquisition headers, a block at a time.

    The samples are read beside them and dropped: HDF5 reads them in any case, and does not free
    the memory of a vector that nobody asked for, which adds up to the size of the file.
    """
    fields = data.fields(["head", "data"])
    return np.concatenate(
        [
            require_fields(
                fields[start : start + _HEADS_PER_BLOCK]["head"], acquisition_header_dtype
            )
            for start in range(0, data.shape[0], _HEADS_PER_BLOCK)
        ]
    )


def _is_imaging(flags: NDArray[np.uint64]) -> NDArray[np.bool_]:
    not_imaging = np.uint64(sum(1 << (flag - 1) for flag in _NOT_IMAGING_FLAGS))
    return ~np.asarray(flags & not_imaging, np.bool_)


def _sort_readouts(
    data: h5py.Dataset,
    numbers: NDArray[np.int64],
    heads: NDArray[np.void],
    layout: Layout,
    kspace: NDArray[np.complex64],
    mapping: mmap.mmap,
) -> None:
    """Read the acquisitions of those numbers and write them where the layout says."""
    n_coils, n_samples = int(heads["active_channels"][0]), int(heads["number_of_samples"][0])
    n_readouts = max(1, _BLOCK_BYTES // (8 * n_coils * n_samples))
    for start in range(0, int(numbers[-1]) + 1, n_readouts):
        block = slice(*np.searchsorted(numbers, (start, start + n_readouts)))
        if block.start == block.stop:
            continue
        # One read for many acquisitions: 60 times faster than one by one.
        with _translate_damage():
            vectors = data.fields("data")[start : start + n_readouts]
        readouts = _stack_readouts(vectors[numbers[block] - start], n_coils, n_samples)
        _place_readouts(readouts[:, :, layout.samples], layout, block, kspace)
        release_pages(mapping)


def _stack_readouts(
    vectors: NDArray[np.object_], n_coils: int, n_samples: int
) -> NDArray[np.complex64]:
    """Return the samples, shape (acquisitions, coils, samples)."""
    if any(vector.size != 2 * n_coils * n_samples for vector in vectors):
        raise RawDataError(
            "The acquisitions are inconsistent: their data do not have the announced size."
        )
    samples = np.concatenate(list(vectors)).astype(np.float32, copy=False).view(np.complex64)
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
