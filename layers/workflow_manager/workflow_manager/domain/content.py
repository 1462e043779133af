"""What an object is, told by its first bytes, and whether a DAG takes it."""

from collections.abc import Sequence
from enum import StrEnum

from workflow_manager.domain.errors import InvalidInputError

START_SIZE_BYTES = 1024

# https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html#Superblock
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# At the front, or behind a user block; a longer one ends beyond what is read.
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


# ISMRMRD is HDF5 with certain groups in it, of which the first bytes tell nothing.
_TAKEN = {
    "ismrmrd": ContentFormat.HDF5,
    "hdf5": ContentFormat.HDF5,
    "numpy": ContentFormat.NUMPY,
    "dicom": ContentFormat.DICOM,
}


def recognise(start: bytes) -> ContentFormat | None:
    """Tell the format of an object, or None if it is none that we know.

    Parameters
    ----------
    start
        Its first KiB, or all of it.
    """
    if any(start.startswith(_HDF5_SIGNATURE, offset) for offset in _HDF5_OFFSETS):
        return ContentFormat.HDF5
    if start.startswith(_NUMPY_SIGNATURE):
        return ContentFormat.NUMPY
    if start.startswith(_DICOM_SIGNATURE, _DICOM_OFFSET):
        return ContentFormat.DICOM
    return None


def check_accepted(dag_id: str, accepted: Sequence[str], start: bytes, name: str) -> None:
    """Return if a DAG takes an object.

    Parameters
    ----------
    dag_id
        The DAG.
    accepted
        What it says it takes; nothing said, everything taken. An unknown word takes nothing.
    start
        First KiB of the object.
    name
        What to call the object.

    Raises
    ------
    InvalidInputError
        With what the DAG takes and what the object is.
    """
    found = recognise(start)
    if not accepted or found in {_TAKEN.get(word, "") for word in accepted}:
        return
    what = found or ("of no format that we know" if start else "empty")
    raise InvalidInputError(f"The DAG {dag_id} accepts {' or '.join(accepted)}; {name} is {what}.")
