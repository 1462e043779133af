"""Write a magnitude image as DICOM: an MR Image where geometry is known, else a Secondary Capture.

Attributes by module: DICOM PS3.3, A.4 (MR Image), A.8 (Secondary Capture Image).
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    generate_uid,
)
from pydicom.valuerep import DSfloat

from scanhub_reconstruction.model import RawData, ScanParameters, SliceGeometry
from scanhub_reconstruction.preview import find_display_window

_MAX_STORED_VALUE = 2**16 - 1
# Type 2 attributes: they must be there and may be empty. The patient is never taken from raw data.
_EMPTY_ATTRIBUTES = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "Laterality",
    "Manufacturer",
)


def write_dicom(
    image: NDArray[np.float32],
    raw: RawData,
    dag_run_id: str,
    study_instance_uid: str | None = None,
) -> bytes:
    """Return the image as a DICOM file.

    The UIDs depend on the run only, so a repeated task writes the same instance again.

    Parameters
    ----------
    image
        Magnitude, shape (rows, columns).
    raw
        The raw data it was made of.
    dag_run_id
        The Airflow run.
    study_instance_uid
        The study that the image belongs to; None makes one of the run's own.

    Returns
    -------
    bytes
        A DICOM file, Explicit VR Little Endian, 16 bit.
    """
    dataset = Dataset()
    for keyword in _EMPTY_ATTRIBUTES:
        setattr(dataset, keyword, None)
    dataset.StudyInstanceUID = study_instance_uid or _derive_uid(dag_run_id, "study")
    dataset.SeriesInstanceUID = _derive_uid(dag_run_id, "series")
    dataset.SOPInstanceUID = _derive_uid(dag_run_id, "image")
    dataset.Modality = "MR"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    if raw.scan is not None and raw.scan.geometry is not None:
        _add_mr_image(dataset, raw, raw.scan, raw.scan.geometry, dag_run_id)
    else:
        _add_secondary_capture(dataset, raw)
    _add_pixels(dataset, image)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _derive_uid(dag_run_id: str, level: str) -> UID:
    return generate_uid(entropy_srcs=[dag_run_id, "/", level])


def _add_mr_image(
    dataset: Dataset, raw: RawData, scan: ScanParameters, geometry: SliceGeometry, dag_run_id: str
) -> None:
    dataset.SOPClassUID = MRImageStorage
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    # ISMRMRD does not tell the sequence in DICOM's terms; "research mode" claims none.
    dataset.ScanningSequence = "RM"
    dataset.SequenceVariant = "NONE"
    dataset.ScanOptions = None
    dataset.MRAcquisitionType = "2D"
    dataset.PatientPosition = scan.patient_position
    dataset.SliceThickness = _to_ds(scan.slice_thickness_mm)
    dataset.RepetitionTime = _to_ds(scan.repetition_time_ms)
    dataset.EchoTime = _to_ds(scan.echo_time_ms)
    dataset.EchoTrainLength = None
    dataset.NumberOfAverages = _to_ds(raw.n_averages)
    dataset.ImagedNucleus = "1H"
    if scan.inversion_time_ms is not None:
        dataset.InversionTime = _to_ds(scan.inversion_time_ms)
    if scan.flip_angle_deg is not None:
        dataset.FlipAngle = _to_ds(scan.flip_angle_deg)
    if scan.field_strength_t is not None:
        dataset.MagneticFieldStrength = _to_ds(scan.field_strength_t)
    if scan.resonance_frequency_hz is not None:
        dataset.ImagingFrequency = _to_ds(scan.resonance_frequency_hz / 1e6)  # MHz
    dataset.FrameOfReferenceUID = _derive_uid(dag_run_id, "frame of reference")
    dataset.PositionReferenceIndicator = None
    _add_image_plane(dataset, raw.image_shape, scan.field_of_view_mm, geometry)


def _add_image_plane(
    dataset: Dataset,
    image_shape: tuple[int, int],
    field_of_view_mm: tuple[float, float],
    geometry: SliceGeometry,
) -> None:
    """Add spacing, orientation and the centre of the first pixel (PS3.3 C.7.6.2.1.1)."""
    n_rows, n_columns = image_shape
    row_spacing_mm, column_spacing_mm = (
        field_of_view_mm[0] / n_rows,
        field_of_view_mm[1] / n_columns,
    )
    read_dir, phase_dir = np.array(geometry.read_dir), np.array(geometry.phase_dir)
    first_pixel_mm = (
        np.array(geometry.center_mm)
        - (n_columns // 2) * column_spacing_mm * read_dir
        - (n_rows // 2) * row_spacing_mm * phase_dir
    )
    dataset.PixelSpacing = [_to_ds(row_spacing_mm), _to_ds(column_spacing_mm)]
    dataset.ImageOrientationPatient = [_to_ds(c) for c in (*read_dir, *phase_dir)]
    dataset.ImagePositionPatient = [_to_ds(c) for c in first_pixel_mm]


def _add_secondary_capture(dataset: Dataset, raw: RawData) -> None:
    """Add what makes a Secondary Capture: without directions, orientation would be invented."""
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    dataset.ConversionType = "WSD"
    dataset.PatientOrientation = None
    if raw.pixel_spacing_mm is not None:
        dataset.PixelSpacing = [_to_ds(spacing_mm) for spacing_mm in raw.pixel_spacing_mm]


def _add_pixels(dataset: Dataset, image: NDArray[np.float32]) -> None:
    """Add the pixels, scaled to 16 bit, and how to scale them back."""
    slope = (float(np.max(image)) or 1.0) / _MAX_STORED_VALUE
    stored = np.round(image.astype(np.float64) / slope).astype(np.uint16)
    dataset.set_pixel_data(stored, "MONOCHROME2", bits_stored=16, generate_instance_uid=False)
    lower, upper = (grey / slope for grey in find_display_window(image))
    dataset.WindowCenter = _to_ds((lower + upper) / 2)
    dataset.WindowWidth = _to_ds(max(upper - lower, 1.0))  # PS3.3 C.11.2.1.2 forbids less
    dataset.RealWorldValueMappingSequence = [_build_value_mapping(slope)]


def _build_value_mapping(slope: float) -> Dataset:
    """Return the mapping to k-space's units; an MR Image may not have a rescale slope (PS3.3 A.4).

    Macro of PS3.3 C.7.6.16.2.11.
    """
    unit = Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "1", "UCUM", "no units"
    mapping = Dataset()
    mapping.RealWorldValueFirstValueMapped = 0
    mapping.RealWorldValueLastValueMapped = _MAX_STORED_VALUE
    mapping.RealWorldValueIntercept = 0.0
    mapping.RealWorldValueSlope = slope
    mapping.LUTExplanation = "Magnitude in units of k-space"
    mapping.LUTLabel = "MAGNITUDE"
    mapping.MeasurementUnitsCodeSequence = [unit]
    return mapping


def _to_ds(value: float | None) -> DSfloat | None:
    """Return the value in DICOM's decimal string, at most 16 characters."""
    return None if value is None else DSfloat(value, auto_format=True)
