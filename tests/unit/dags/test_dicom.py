from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from ismrmrd import xsd
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, SecondaryCaptureImageStorage

from local.phantom import simulate_kspace
from scanhub_reconstruction.dicom import write_dicom
from scanhub_reconstruction.model import RawData
from scanhub_reconstruction.raw_data import read_raw_data
from scanhub_reconstruction.reconstruction import reconstruct_volume

Acquire = Callable[..., Path]


def reconstruct_image(raw: RawData) -> NDArray[np.float32]:
    (image,) = reconstruct_volume(raw, 0)
    return image


def write_and_read(path: Path, dag_run_id: str = "run-1") -> pydicom.FileDataset:
    raw = read_raw_data(path)
    return pydicom.dcmread(io.BytesIO(write_dicom(reconstruct_image(raw), raw, dag_run_id)))


def test_write_dicom_gives_an_mr_image_with_the_scan_parameters(acquire: Acquire) -> None:
    dataset = write_and_read(acquire(matrix_size=(40, 50)))

    assert dataset.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert dataset.SOPClassUID == MRImageStorage
    assert dataset.Modality == "MR"
    assert (dataset.Rows, dataset.Columns) == (40, 50)
    assert dataset.PixelSpacing == [250 / 40, 250 / 50]
    assert dataset.SliceThickness == 5.0
    assert (dataset.RepetitionTime, dataset.EchoTime, dataset.FlipAngle) == (500.0, 15.0, 90.0)
    assert dataset.MagneticFieldStrength == 1.5
    assert dataset.ImagingFrequency == pytest.approx(63.866)
    assert dataset.PatientPosition == "HFS"


def test_write_dicom_places_the_first_pixel_half_a_field_of_view_from_the_centre(
    acquire: Acquire, edit_acquisitions: Callable[..., None]
) -> None:
    def move(records: Any) -> Any:
        records["head"]["position"] = (10.0, 20.0, 30.0)
        records["head"]["read_dir"] = (0.0, 1.0, 0.0)
        records["head"]["phase_dir"] = (0.0, 0.0, -1.0)
        return records

    path = acquire(matrix_size=50)
    edit_acquisitions(path, move)

    dataset = write_and_read(path)

    assert dataset.ImageOrientationPatient == [0, 1, 0, 0, 0, -1]
    assert dataset.ImagePositionPatient == [10, 20 - 125, 30 + 125]


def test_write_dicom_keeps_the_patient_out(
    acquire: Acquire, edit_header: Callable[..., None]
) -> None:
    def add_patient(header: Any) -> None:
        header.subjectInformation = xsd.subjectInformationType(
            patientName="Doe^Jane", patientID="4711"
        )
        header.studyInformation = xsd.studyInformationType(studyDescription="Doe Jane 4711")

    path = acquire()
    edit_header(path, add_patient)
    raw = read_raw_data(path)

    content = write_dicom(reconstruct_image(raw), raw, "run-1")

    dataset = pydicom.dcmread(io.BytesIO(content))
    assert dataset.PatientName == ""
    assert not dataset.PatientID
    assert b"Doe" not in content
    assert b"4711" not in content


def test_write_dicom_is_the_same_for_the_same_run_and_another_for_another(
    acquire: Acquire,
) -> None:
    raw = read_raw_data(acquire())
    image = reconstruct_image(raw)

    first, second, other = (write_dicom(image, raw, run) for run in ("run-1", "run-1", "run-2"))

    assert first == second
    uids = [
        pydicom.dcmread(io.BytesIO(content))[name].value
        for content in (first, other)
        for name in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
    ]
    assert len(set(uids)) == 6
    assert all(uid.is_valid for uid in uids)


def test_write_dicom_pixels_scale_back_to_the_image(acquire: Acquire) -> None:
    raw = read_raw_data(acquire())
    image = reconstruct_image(raw)

    dataset = pydicom.dcmread(io.BytesIO(write_dicom(image, raw, "run-1")))

    slope = dataset.RealWorldValueMappingSequence[0].RealWorldValueSlope
    np.testing.assert_allclose(dataset.pixel_array * slope, image, atol=slope * 0.51)
    assert dataset.pixel_array.max() == 65535
    assert 1 <= dataset.WindowWidth <= 65535


def test_write_dicom_invents_no_millimetres_for_numpy_kspace(tmp_path: Path) -> None:
    path = tmp_path / "kspace.npy"
    np.save(path, simulate_kspace(matrix_size=16, oversampling=1.0))

    dataset = write_and_read(path)

    assert dataset.SOPClassUID == SecondaryCaptureImageStorage
    assert dataset.Modality == "MR"
    for name in ("PixelSpacing", "SliceThickness", "ImagePositionPatient", "EchoTime"):
        assert name not in dataset


def test_write_dicom_invents_no_orientation_without_directions(
    acquire: Acquire, edit_acquisitions: Callable[..., None]
) -> None:
    def clear_directions(records: Any) -> Any:
        records["head"]["read_dir"] = 0
        return records

    path = acquire()
    edit_acquisitions(path, clear_directions)

    dataset = write_and_read(path)

    assert dataset.SOPClassUID == SecondaryCaptureImageStorage
    assert dataset.PixelSpacing == [250 / 32, 250 / 32]
    assert "ImageOrientationPatient" not in dataset
