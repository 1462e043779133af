"""Read a Cartesian measurement from an ISMRMRD (HDF5) file."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import ismrmrd
import numpy as np
from h5py import h5t
from ismrmrd.hdf5 import acquisition_header_dtype
from numpy.lib.recfunctions import require_fields
from numpy.typing import NDArray

from scanhub_reconstruction.hdf5 import RefusedError, open_dataset, open_file
from scanhub_reconstruction.ismrmrd_header import (
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
from scanhub_reconstruction.scratch import Scratch
from scanhub_reconstruction.xml_header import MAX_HEADER_BYTES, parse_header

_GROUP = "dataset"
_FIELDS = {b"head", b"traj", b"data"}
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
_MAX_HEAD_BYTES = 4096  # ISMRMRD's have 340


def read_ismrmrd(path: Path, scratch: Scratch) -> RawData:
    """Read one fully sampled 2D or 3D Cartesian measurement.

    Acquisitions flagged as noise, calibration, navigator or the like are ignored; repeated lines
    (averages) are averaged, so that the image's scale does not depend on their number. Samples
    are sorted into another file, a block of acquisitions at a time: ISMRMRD keeps the
    coils of a readout together, the reconstruction wants all readouts of a coil.

    Parameters
    ----------
    path
        An HDF5 file with ISMRMRD's group `dataset`.
    scratch
        Takes the samples.

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
        file = open_file(path)
    with file:
        document = _read_document(file)
        data = _open_acquisitions(file)
        heads = _read_heads(data, path.stat().st_size)
        header = parse_header(document)
        numbers = np.flatnonzero(_is_imaging(heads["flags"]))
        heads = heads[numbers]
        if heads.size == 0:
            raise RawDataError("The ISMRMRD file holds no acquisitions to make an image of.")
        check_is_uniform(heads)
        encoding = read_encoding(header, int(heads["encoding_space_ref"][0]))
        layout = plan_layout(heads, encoding)
        kspace, mapping = scratch.allocate(layout.shape)
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
    except (MemoryError, RawDataError):
        raise
    except Exception:  # noqa: BLE001 - h5py and NumPy may raise anything on damage
        raise RawDataError("The ISMRMRD (HDF5) file is damaged or truncated.") from None


def _read_document(file: h5py.File) -> bytes:
    """Return the XML header."""
    missing = "The ISMRMRD header is missing from the HDF5 file"
    with _translate_damage():
        xml = _open(file, "xml", missing)
        if xml is None or xml.size == 0:
            raise RawDataError(f"{missing}.")
        if xml.id.get_type().get_class() != h5t.STRING or xml.ndim > 1:
            raise RawDataError("The ISMRMRD header is invalid: it is not text.")
        if xml.dtype.itemsize > MAX_HEADER_BYTES:
            raise RawDataError("The ISMRMRD header is invalid: it is larger than 4 MiB.")
        return bytes(xml[()] if xml.ndim == 0 else xml[0])


def _open_acquisitions(file: h5py.File) -> h5py.Dataset:
    with _translate_damage():
        data = _open(file, "data", "The acquisitions hold no samples of their own")
        if data is None or data.size == 0:
            raise RawDataError("The ISMRMRD file holds no acquisitions.")
        is_right = data.ndim == 1 and _holds_acquisitions(data.id.get_type())
        if not is_right or not _fits(data.dtype["head"], acquisition_header_dtype):
            raise RawDataError("The ISMRMRD (HDF5) file is damaged: its data are no acquisitions.")
    return data


def _open(file: h5py.File, name: str, sentence: str) -> h5py.Dataset | None:
    try:
        return open_dataset(file, _GROUP, name)
    except RefusedError as error:
        raise RawDataError(f"{sentence}: {error}.") from None


def _holds_acquisitions(record: h5t.TypeID) -> bool:
    """Return whether nothing but numbers, and vectors of numbers where ISMRMRD has them, is read.

    HDF5 reads all fields in any case, and does not free the memory of a vector that nobody asked
    for, so no other field may be there. A NumPy type would not do: h5py takes that of an opaque
    field from a text in the file.
    """
    if record.get_class() != h5t.COMPOUND:
        return False
    n_fields = record.get_nmembers()
    fields = {record.get_member_name(i): record.get_member_type(i) for i in range(n_fields)}
    if n_fields != len(_FIELDS) or set(fields) != _FIELDS:  # a name may stand there twice
        return False
    head, vectors = fields[b"head"], (fields[b"traj"], fields[b"data"])
    return (
        head.get_class() == h5t.COMPOUND
        and head.get_size() <= _MAX_HEAD_BYTES
        and _holds_numbers(head)
        and all(vector.get_class() == h5t.VLEN for vector in vectors)
        and all(vector.get_super().get_class() == h5t.FLOAT for vector in vectors)
    )


def _holds_numbers(element: h5t.TypeID) -> bool:
    if element.get_class() == h5t.ARRAY:
        return _holds_numbers(element.get_super())
    if element.get_class() == h5t.COMPOUND:
        members = range(element.get_nmembers())
        return all(_holds_numbers(element.get_member_type(index)) for index in members)
    return element.get_class() in (h5t.INTEGER, h5t.FLOAT)


def _fits(given: np.dtype[Any], wanted: np.dtype[Any]) -> bool:
    """Return whether each number of a header is as ISMRMRD has it, or smaller; some may lack."""
    if given.names is None or wanted.names is None:
        return given.shape == wanted.shape and np.can_cast(given.base, wanted.base)
    return all(_fits(given[name], wanted[name]) for name in wanted.names if name in given.names)


def _read_heads(data: h5py.Dataset, n_file_bytes: int) -> NDArray[np.void]:
    """Return the acquisition headers, a block at a time; the vectors beside them are dropped.

    Many acquisitions may refer to the same bytes of the file, which honest ones do not.
    """
    heads, n_bytes = [], 0
    for start in range(0, data.shape[0], _HEADS_PER_BLOCK):
        with _translate_damage():
            block = data[start : start + _HEADS_PER_BLOCK]
            heads.append(require_fields(block["head"], acquisition_header_dtype))
        n_bytes += sum(vector.nbytes for name in ("traj", "data") for vector in block[name])
        if n_bytes > n_file_bytes:
            raise RawDataError("The acquisitions are inconsistent: they are larger than the file.")
    return np.concatenate(heads)


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
            vectors = data[start : start + n_readouts]["data"]
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
