"""Find the acquisitions and the header in an ISMRMRD (HDF5) file, in whatever group."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h5py
import ismrmrd
import numpy as np
from h5py import h5t
from ismrmrd.hdf5 import acquisition_header_dtype
from numpy.lib.recfunctions import require_fields
from numpy.typing import NDArray

from scanhub_reconstruction.hdf5 import RefusedError, list_root, open_dataset
from scanhub_reconstruction.model import RawDataError
from scanhub_reconstruction.xml_header import MAX_HEADER_BYTES

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
    ismrmrd.ACQ_IS_PHASE_STABILIZATION_REFERENCE,
    ismrmrd.ACQ_IS_PHASE_STABILIZATION,
)
_PLACE_COUNTERS = (
    "kspace_encode_step_1",
    "kspace_encode_step_2",
    "average",
    "slice",
    "contrast",
    "phase",
    "repetition",
    "set",
)
_REFERENCE_FLAGS = (
    ismrmrd.ACQ_IS_PARALLEL_CALIBRATION,
    ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING,
)
_NEITHER_FLAGS = tuple(flag for flag in _NOT_IMAGING_FLAGS if flag not in _REFERENCE_FLAGS)
_HEADS_PER_BLOCK = 64
_MAX_HEAD_BYTES = 4096  # ISMRMRD's have 340
_MAX_LINKS, _MAX_GROUPS = 1024, 16
# Names that say nothing about a patient.
_PLAIN_NAME = re.compile(
    r"(data|dataset|group|image|images|imaging|meas|measurement|noise|raw|ref|scan)_?\d{0,4}"
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One group of the file.

    Parameters
    ----------
    document
        The XML header.
    data
        The acquisitions.
    heads
        Their headers, shape (acquisitions,).
    """

    document: bytes
    data: h5py.Dataset
    heads: NDArray[np.void]

    @property
    def imaging(self) -> NDArray[np.int64]:
        """Numbers of the acquisitions to make an image of."""
        numbers = self._unflagged
        return numbers[~self._is_prescan(numbers)] if self.has_prescan else numbers

    @property
    def has_prescan(self) -> bool:
        """Whether a scan for surface coil correction is there beside the image.

        Elsewhere, lines with its flag are the image.
        """
        numbers = self._unflagged
        is_prescan = self._is_prescan(numbers)
        if not is_prescan.any() or is_prescan.all():
            return False
        places = self.heads["idx"][numbers][list(_PLACE_COUNTERS)]
        return set(places[is_prescan].tolist()) <= set(places[~is_prescan].tolist())

    @property
    def _unflagged(self) -> NDArray[np.int64]:
        return np.flatnonzero(~self._has_flag(*_NOT_IMAGING_FLAGS))

    def _is_prescan(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        return self._has_flag(ismrmrd.ACQ_IS_SURFACECOILCORRECTIONSCAN_DATA)[numbers]

    @property
    def references(self) -> NDArray[np.int64]:
        """Numbers of the acquisitions that tell the coils' sensitivities."""
        is_reference = self._has_flag(*_REFERENCE_FLAGS)
        return np.flatnonzero(is_reference & ~self._has_flag(*_NEITHER_FLAGS))

    @property
    def noise(self) -> NDArray[np.int64]:
        """Numbers of the acquisitions without signal."""
        return np.flatnonzero(self._has_flag(ismrmrd.ACQ_IS_NOISE_MEASUREMENT))

    def _has_flag(self, *flags: int) -> NDArray[np.bool_]:
        bits = np.uint64(sum(1 << (flag - 1) for flag in flags))
        return np.asarray(self.heads["flags"] & bits, np.bool_)


def find_measurement(
    file: h5py.File, n_file_bytes: int
) -> tuple[Measurement, Measurement, tuple[str, ...]]:
    """Find the group with the lines of the image: `dataset`, or the only other one that has any.

    Parameters
    ----------
    file
        A file of `open_file`.
    n_file_bytes
        Its size.

    Returns
    -------
    tuple[Measurement, Measurement, tuple[str, ...]]
        The measurement; the one that holds its noise scan, if any; and a sentence if the file holds
        more, or by another name.

    Raises
    ------
    RawDataError
        If there is none, or several, with the names of the groups.
    """
    with translate_damage():
        groups, others = list_root(file, _MAX_LINKS)
        is_there = bool(file.id.links.exists(_GROUP.encode()))
    rest = [name for name in groups if name != _GROUP]
    standard = _read_group(file, _GROUP, n_file_bytes) if is_there else None
    if standard is not None and standard.imaging.size:
        mends = ("The file holds other groups, which were not read.",) if rest else ()
        return standard, standard, mends
    tried = {name: _try_group(file, name, n_file_bytes) for name in rest[:_MAX_GROUPS]}
    found = {name: each for name, each in tried.items() if each is not None}
    if len(found) == 1:
        ((_, measurement),) = found.items()
        noise = measurement if standard is None or measurement.noise.size else standard
        return measurement, noise, ("The acquisitions are in a group that is not called dataset.",)
    if found:
        raise RawDataError(
            f"The ISMRMRD file holds images in several groups ({_list_names(list(found))}), "
            "and none of them is called dataset."
        )
    if standard is not None:
        raise RawDataError("The ISMRMRD file holds no acquisitions to make an image of.")
    if {"kspace", "ismrmrd_header"} <= set(others):
        raise RawDataError(
            "The ISMRMRD header is missing from the HDF5 file: it is in fastMRI's layout "
            "(kspace, ismrmrd_header), which this reconstruction does not read."
        )
    names = f", only the groups {_list_names(rest)}" if rest else ""
    raise RawDataError(
        f"The ISMRMRD header is missing from the HDF5 file: there is no group dataset{names}."
    )


def _list_names(names: list[str]) -> str:
    plain = sorted(name for name in names if _PLAIN_NAME.fullmatch(name))[:_MAX_GROUPS]
    n_others = len(names) - len(plain)
    return ", ".join([*plain, *([f"{n_others} of other names"] if n_others else [])])


def _read_group(file: h5py.File, group: str, n_file_bytes: int) -> Measurement:
    document = _read_document(file, group)
    data = _open_acquisitions(file, group)
    return Measurement(document, data, _read_heads(data, n_file_bytes))


def _try_group(file: h5py.File, group: str, n_file_bytes: int) -> Measurement | None:
    """Return the measurement of a group that may well hold something else."""
    try:
        measurement = _read_group(file, group, n_file_bytes)
    except RawDataError:
        return None
    return measurement if measurement.imaging.size else None


@contextmanager
def translate_damage() -> Iterator[None]:
    """Raise RawDataError for what h5py and NumPy raise on damage, which may be anything."""
    try:
        yield
    except (MemoryError, RawDataError):
        raise
    except Exception:  # noqa: BLE001
        raise RawDataError("The ISMRMRD (HDF5) file is damaged or truncated.") from None


def _read_document(file: h5py.File, group: str) -> bytes:
    """Return the XML header."""
    missing = "The ISMRMRD header is missing from the HDF5 file"
    with translate_damage():
        xml = _open(file, group, "xml", missing)
        if xml is None or xml.size == 0:
            raise RawDataError(f"{missing}.")
        if xml.id.get_type().get_class() != h5t.STRING or xml.ndim > 1:
            raise RawDataError("The ISMRMRD header is invalid: it is not text.")
        if xml.dtype.itemsize > MAX_HEADER_BYTES:
            raise RawDataError("The ISMRMRD header is invalid: it is larger than 4 MiB.")
        return bytes(xml[()] if xml.ndim == 0 else xml[0])


def _open_acquisitions(file: h5py.File, group: str) -> h5py.Dataset:
    with translate_damage():
        data = _open(file, group, "data", "The acquisitions hold no samples of their own")
        if data is None or data.size == 0:
            raise RawDataError("The ISMRMRD file holds no acquisitions.")
        is_right = data.ndim == 1 and _holds_acquisitions(data.id.get_type())
        if not is_right or not _fits(data.dtype["head"], acquisition_header_dtype):
            raise RawDataError("The ISMRMRD (HDF5) file is damaged: its data are no acquisitions.")
    return data


def _open(file: h5py.File, group: str, name: str, sentence: str) -> h5py.Dataset | None:
    try:
        return open_dataset(file, group, name)
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
        with translate_damage():
            block = data[start : start + _HEADS_PER_BLOCK]
            heads.append(require_fields(block["head"], acquisition_header_dtype))
        n_bytes += sum(vector.nbytes for name in ("traj", "data") for vector in block[name])
        if n_bytes > n_file_bytes:
            raise RawDataError("The acquisitions are inconsistent: they are larger than the file.")
    return np.concatenate(heads)
