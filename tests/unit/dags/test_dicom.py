from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from ismrmrd import xsd
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, SecondaryCaptureImageStorage
from xsdata.models.datatype import XmlDate, XmlTime

from local.phantom import simulate_kspace
from scanhub_reconstruction.model import RawData
from scanhub_reconstruction.raw_data import read_raw_data
from scanhub_reconstruction.reconstruction import reconstruct_volume
from tests.unit.dags.dicom_series import make_run, read_series, write_series

Acquire = Callable[..., Path]


def reconstruct_image(raw: RawData) -> NDArray[np.float32]:
    (image,) = reconstruct_volume(raw, 0)
    return image


def write_and_read(path: Path | RawData, **facts: Any) -> pydicom.FileDataset:
    (dataset,) = read_series(path, make_run(**facts))
    return dataset


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

    (content,) = write_series(path)

    dataset = pydicom.dcmread(io.BytesIO(content))
    assert (dataset.PatientName, dataset.PatientBirthDate, dataset.PatientSex) == ("", "", "")
    assert dataset.PatientIdentityRemoved == "YES"
    assert dataset.DeidentificationMethod
    assert b"Doe" not in content
    assert b"4711" not in content


def test_write_dicom_is_the_same_for_the_same_run_and_another_for_another(
    acquire: Acquire,
) -> None:
    path = acquire()

    ((first,), (second,), (other,)) = (
        write_series(path, make_run(name)) for name in ("run-1", "run-1", "run-2")
    )

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

    dataset = write_and_read(raw)

    slope = dataset.RealWorldValueMappingSequence[0].RealWorldValueSlope
    np.testing.assert_allclose(dataset.pixel_array * slope, image, atol=slope * 0.51)
    assert dataset.pixel_array.max() == 65535


@pytest.mark.parametrize("factor", [1e-30, 1e-6, 1.0, 1e6, 1e30])
def test_rescaled_values_are_kspaces_units_times_a_power_of_a_million(
    acquire: Acquire, factor: float
) -> None:
    raw = read_raw_data(acquire())
    raw = replace(raw, kspace=raw.kspace * np.complex64(factor), peak=(raw.peak or 1) * factor)

    dataset = write_and_read(raw)

    real = dataset.RealWorldValueMappingSequence[0].RealWorldValueSlope
    million = np.log10(float(dataset.RescaleSlope) / real) / 6
    assert million == pytest.approx(round(million), abs=1e-6)
    assert dataset.RescaleIntercept == 0
    shown = dataset.pixel_array * float(dataset.RescaleSlope)
    assert 100 <= shown.max() <= 1e8
    # What is read after the rescaling: all but the darkest and the brightest pixels.
    lower = dataset.WindowCenter - dataset.WindowWidth / 2
    assert lower == pytest.approx(np.percentile(shown, 1), rel=1e-3)
    assert lower + dataset.WindowWidth == pytest.approx(np.percentile(shown, 99.5), rel=1e-3)


def test_black_series_has_a_scale_too(acquire: Acquire) -> None:
    raw = read_raw_data(acquire())

    dataset = write_and_read(replace(raw, kspace=np.zeros_like(raw.kspace)))

    assert dataset.pixel_array.max() == 0
    assert dataset.RescaleSlope > 0
    assert dataset.WindowWidth >= 1


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


def test_patients_are_apart_and_exams_together(acquire: Acquire) -> None:
    path = acquire()

    def read_patient_id(**facts: Any) -> str:
        return str(write_and_read(path, **facts).PatientID)

    ids = [
        read_patient_id(dag_run_id="run-1"),
        read_patient_id(dag_run_id="run-2"),
        read_patient_id(dag_run_id="run-3", study_instance_uid="2.25.1"),
        read_patient_id(dag_run_id="run-4", study_instance_uid="2.25.1"),
        read_patient_id(dag_run_id="run-5", study_instance_uid="2.25.2"),
    ]
    assert ids[2] == ids[3]
    assert len(set(ids)) == 4
    pseudonym = "A" * 32
    assert read_patient_id(patient_pseudonym=pseudonym, study_instance_uid="2.25.1") == pseudonym


def test_series_of_an_exam_have_one_frame_of_reference_and_numbers_of_their_own(
    acquire: Acquire,
) -> None:
    path = acquire()

    first, second, third = (
        write_and_read(path, dag_run_id=name, study_instance_uid=study)
        for name, study in (("run-1", "2.25.1"), ("run-2", "2.25.1"), ("run-3", "2.25.2"))
    )

    assert first.FrameOfReferenceUID == second.FrameOfReferenceUID != third.FrameOfReferenceUID
    assert first.SeriesNumber != second.SeriesNumber
    assert write_and_read(path, series_number=203).SeriesNumber == 203


def test_patient_who_lies_otherwise_has_another_frame_of_reference(
    acquire: Acquire, edit_header: Callable[..., None]
) -> None:
    def turn(header: Any) -> None:
        header.measurementInformation.patientPosition = xsd.patientPositionType.FFP

    path = acquire()
    before = write_and_read(path, study_instance_uid="2.25.1")
    edit_header(path, turn)

    after = write_and_read(path, study_instance_uid="2.25.1")

    assert before.FrameOfReferenceUID != after.FrameOfReferenceUID


def test_study_time_is_the_exams_else_the_scanners(
    acquire: Acquire, edit_header: Callable[..., None]
) -> None:
    def tell_series(header: Any) -> None:
        header.measurementInformation.seriesDate = XmlDate(2025, 8, 6)

    def tell_study(header: Any) -> None:
        header.studyInformation = xsd.studyInformationType(studyDate=XmlDate(2025, 8, 5))

    def read_time(**facts: Any) -> tuple[str, str]:
        dataset = write_and_read(path, **facts)
        return dataset.StudyDate, dataset.StudyTime

    exam = {"study_instance_uid": "2.25.1"}
    path = acquire()
    edit_header(path, tell_series)
    assert read_time() == ("20250806", "")
    # Another series of the exam may be of another day.
    assert read_time(**exam) == ("", "")

    edit_header(path, tell_study)
    assert read_time(**exam) == ("20250805", "")
    exam |= {"study_date": "20261129", "study_time": "101500"}
    assert read_time(**exam) == ("20261129", "101500")


def test_write_dicom_tells_what_the_header_has(
    acquire: Acquire, edit_header: Callable[..., None], edit_acquisitions: Callable[..., None]
) -> None:
    def tell(header: Any) -> None:
        system = header.acquisitionSystemInformation
        system.systemModel, system.stationName = "Open\\One\n", "Raum für MR im Keller"
        system.deviceSerialNumber = "0815"
        measurement = header.measurementInformation
        measurement.seriesDate, measurement.seriesTime = XmlDate(2025, 8, 5), XmlTime(11, 15, 28)
        measurement.protocolName = "Knee of Jane"
        measurement.frameOfReferenceUID = "1.2.840.99.1"
        header.sequenceParameters.sequence_type = "TSE"
        header.encoding[0].echoTrainLength = 7

    def dwell(records: Any) -> Any:
        records["head"]["sample_time_us"] = 5.0
        return records

    path = acquire(matrix_size=(40, 50), oversampling=2.0)
    edit_header(path, tell)
    edit_acquisitions(path, dwell)

    dataset = write_and_read(path)

    assert dataset.ManufacturerModelName == "Open One"
    assert dataset.StationName == "Raum für MR im"
    assert dataset.DeviceSerialNumber == "0815"
    assert (dataset.SeriesDate, dataset.SeriesTime) == ("20250805", "111528.000000")
    assert (dataset.AcquisitionDate, dataset.ContentDate) == ("20250805", "20250805")
    assert dataset.FrameOfReferenceUID == "1.2.840.99.1"
    assert (dataset.SequenceName, dataset.SeriesDescription) == ("TSE", "2D TSE")
    assert dataset.EchoTrainLength == 7
    assert dataset.PixelBandwidth == pytest.approx(1e6 / (5 * 100))
    assert dataset.AcquisitionMatrix == [0, 50, 40, 0]
    assert dataset.InPlanePhaseEncodingDirection == "COL"
    (equipment,) = dataset.ContributingEquipmentSequence
    assert dataset.SoftwareVersions in equipment.ContributionDescription
    assert "Laterality" not in dataset
    assert "Jane" not in str(dataset)
    named = write_and_read(path, has_protocol_name=True)
    assert (named.ProtocolName, named.SeriesDescription) == ("Knee of Jane",) * 2


@pytest.mark.parametrize("word", ["no uid", "1..2", "1.2.", "1." * 40 + "1"])
def test_frame_of_reference_that_is_no_uid_is_not_taken(
    acquire: Acquire, edit_header: Callable[..., None], word: str
) -> None:
    def tell(header: Any) -> None:
        header.measurementInformation.frameOfReferenceUID = word

    path = acquire()
    expected = write_and_read(path).FrameOfReferenceUID
    edit_header(path, tell)

    assert write_and_read(path).FrameOfReferenceUID == expected


def test_write_dicom_tells_partial_fourier_vendor_phases_and_sets(acquire: Acquire) -> None:
    raw = read_raw_data(acquire())
    assert raw.scan is not None
    volume = raw.volumes[0]
    raw = replace(
        raw,
        kspace=np.repeat(raw.kspace, 4, axis=0),
        scan=replace(raw.scan, vendor="A\\B"),
        volumes=tuple(
            replace(volume, phase=phase, set_index=number)
            for number in range(2)
            for phase in range(2)
        ),
        scan_options=("PFP", "ZERO_FILLED"),
    )

    series = read_series(raw)

    assert {d.Manufacturer for d in series} == {"A B"}
    assert [list(d.ScanOptions) for d in series] == [["PFP", "ZERO_FILLED"]] * 4
    places = [(d.AcquisitionNumber, d.TemporalPositionIdentifier) for d in series]
    assert places == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_write_dicom_writes_values_that_pydicom_finds_valid(
    acquire: Acquire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.RAISE)

    dataset = write_and_read(acquire(), study_date="20261129", study_time="101500")

    for element in dataset.iterall():
        assert element.tag
