"""The format of an object, told by its first bytes, and whether a DAG takes it."""

from collections.abc import Sequence
from enum import StrEnum

from workflow_manager.domain.errors import InvalidInputError

START_SIZE_BYTES = 1024

# https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html#Superblock
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# At the front, or behind a user block; longer user blocks end beyond the bytes that we read.
_HDF5_OFFSETS = (0, 512)
# https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
_NUMPY_SIGNATURE = b"\x93NUMPY"
# DICOM PS3.10, section 7.1
_DICOM_SIGNATURE = b"DICM"
_DICOM_OFFSET = 128


class ContentFormat(StrEnum):
    """A format, as people call it."""

    HDF5 = "HDF5"
    NUMPY = "NumPy"
    DICOM = "DICOM"


# ISMRMRD is HDF5 with certain groups in it, which the first bytes do not show.
_TAKEN = {
    "ismrmrd": ContentFormat.HDF5,
    "hdf5": ContentFormat.HDF5,
    "numpy": ContentFormat.NUMPY,
    "dicom": ContentFormat.DICOM,
}


def recognise(start: bytes) -> ContentFormat | None:
    """Return the format of an object by its first KiB, or None if we do not know it."""
    if any(start.startswith(_HDF5_SIGNATURE, offset) for offset in _HDF5_OFFSETS):
        return ContentFormat.HDF5
    if start.startswith(_NUMPY_SIGNATURE):
        return ContentFormat.NUMPY
    if start.startswith(_DICOM_SIGNATURE, _DICOM_OFFSET):
        return ContentFormat.DICOM
    return None


def check_accepted(dag_id: str, accepted: Sequence[str], start: bytes, name: str) -> None:
    """Check that a DAG takes an object, by the object's first KiB.

    Parameters
    ----------
    accepted
        The formats that the DAG names. If it names none, it takes everything; a word that we do not
        know takes nothing.

    Raises
    ------
    InvalidInputError
        The DAG does not take it; the message says what the DAG takes and what the object is.
    """
    found = recognise(start)
    if not accepted or found in {_TAKEN.get(word, "") for word in accepted}:
        return
    what = found or ("of no format that we know" if start else "empty")
    raise InvalidInputError(f"The DAG {dag_id} accepts {' or '.join(accepted)}; {name} is {what}.")
