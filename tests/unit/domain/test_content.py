import io

import h5py
import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset

from workflow_manager.domain.content import (
    START_SIZE_BYTES,
    ContentFormat,
    check_accepted,
    recognise,
)
from workflow_manager.domain.errors import InvalidInputError


def make_hdf5(user_block_size_bytes: int = 0) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=user_block_size_bytes) as file:
        file["dataset/data"] = np.arange(1000)
    return buffer.getvalue()


def make_npy(version: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.zeros((2, 3), np.complex64), version)
    return buffer.getvalue()


def make_dicom() -> bytes:
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (make_hdf5(), ContentFormat.HDF5),
        (make_hdf5(512), ContentFormat.HDF5),
        (make_npy((1, 0)), ContentFormat.NUMPY),
        (make_npy((3, 0)), ContentFormat.NUMPY),
        (make_dicom(), ContentFormat.DICOM),
        (b"", None),
        (b"\x89HDF", None),
        (b"\x89HDF\n\x1a\n\0", None),
        (b"x" * 100 + make_hdf5(), None),
        (b"DICM" + bytes(200), None),
        (b"Jane Doe", None),
    ],
)
def test_recognise_tells_files_by_their_first_kib(
    content: bytes, expected: ContentFormat | None
) -> None:
    assert recognise(content[:START_SIZE_BYTES]) is expected


@pytest.mark.parametrize(
    ("accepted", "content"),
    [
        ((), b"anything"),
        ((), b""),
        (("ismrmrd",), make_hdf5()),
        (("hdf5",), make_hdf5(512)),
        (("numpy",), make_npy((2, 0))),
        (("dicom",), make_dicom()),
        (("ismrmrd", "numpy"), make_npy((1, 0))),
        (("siemens", "numpy"), make_npy((1, 0))),
    ],
)
def test_dag_takes_what_it_says(accepted: tuple[str, ...], content: bytes) -> None:
    check_accepted("dag", accepted, content, "the object")


@pytest.mark.parametrize(
    ("accepted", "content", "detail"),
    [
        (("ismrmrd",), make_npy((1, 0)), "The DAG dag accepts ismrmrd; the object is NumPy."),
        (
            ("ismrmrd", "numpy"),
            make_dicom(),
            "The DAG dag accepts ismrmrd or numpy; the object is DICOM.",
        ),
        (("dicom",), make_hdf5(), "The DAG dag accepts dicom; the object is HDF5."),
        (("siemens",), make_hdf5(), "The DAG dag accepts siemens; the object is HDF5."),
        (("HDF5",), make_hdf5(), "The DAG dag accepts HDF5; the object is HDF5."),
        (
            ("siemens",),
            b"unknown",
            "The DAG dag accepts siemens; the object is of no format that we know.",
        ),
        (("numpy",), b"", "The DAG dag accepts numpy; the object is empty."),
    ],
)
def test_dag_refuses_the_rest_and_both_are_named(
    accepted: tuple[str, ...], content: bytes, detail: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_accepted("dag", accepted, content, "the object")
    assert caught.value.detail == detail
