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

from scanhub_reconstruction.model import RawData, ScanParameters, SliceGeometry, Volume
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
    image_index: int = 0,
) -> bytes:
    """Return one image of the series as a DICOM file.

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
    image_index
        Which of the `raw.n_images` images it is: by volume, then by partition.

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
    level = "image" if raw.n_images == 1 else f"image {image_index + 1}"
    dataset.SOPInstanceUID = _derive_uid(dag_run_id, level)
    dataset.Modality = "MR"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = image_index + 1
    volume_index, partition = divmod(image_index, raw.image_shape[0])
    volume = raw.volumes[volume_index]
    if raw.scan is not None and volume.geometry is not None:
        _add_mr_image(dataset, raw, raw.scan, volume)
        dataset.FrameOfReferenceUID = _derive_uid(dag_run_id, "frame of reference")
        _add_image_plane(dataset, raw, raw.scan, volume.geometry, partition)
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


def _add_mr_image(dataset: Dataset, raw: RawData, scan: ScanParameters, volume: Volume) -> None:
    dataset.SOPClassUID = MRImageStorage
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    # ISMRMRD does not tell the sequence in DICOM's terms; "research mode" claims none.
    dataset.ScanningSequence = "RM"
    dataset.SequenceVariant = "NONE"
    dataset.ScanOptions = None
    dataset.MRAcquisitionType = "3D" if scan.is_3d else "2D"
    dataset.PatientPosition = scan.patient_position
    dataset.SliceThickness = _to_ds(scan.slice_thickness_mm)
    dataset.RepetitionTime = _to_ds(scan.repetition_time_ms)
    dataset.EchoTime = _to_ds(volume.echo_time_ms)
    dataset.EchoTrainLength = None
    dataset.NumberOfAverages = _to_ds(raw.n_averages)
    dataset.ImagedNucleus = "1H"
    if scan.slice_spacing_mm is not None:
        dataset.SpacingBetweenSlices = _to_ds(scan.slice_spacing_mm)
    _add_place_in_series(dataset, raw, volume)
    if scan.inversion_time_ms is not None:
        dataset.InversionTime = _to_ds(scan.inversion_time_ms)
    if scan.flip_angle_deg is not None:
        dataset.FlipAngle = _to_ds(scan.flip_angle_deg)
    if scan.field_strength_t is not None:
        dataset.MagneticFieldStrength = _to_ds(scan.field_strength_t)
    if scan.resonance_frequency_hz is not None:
        dataset.ImagingFrequency = _to_ds(scan.resonance_frequency_hz / 1e6)  # MHz
    dataset.PositionReferenceIndicator = None


def _add_place_in_series(dataset: Dataset, raw: RawData, volume: Volume) -> None:
    """Add contrast and repetition where there are several (PS3.3 C.8.3.1)."""
    if any(other.contrast for other in raw.volumes):
        dataset.EchoNumbers = volume.contrast + 1
    n_repetitions = raw.volumes[-1].repetition + 1
    if n_repetitions > 1:
        dataset.TemporalPositionIdentifier = volume.repetition + 1
        dataset.NumberOfTemporalPositions = n_repetitions


def _add_image_plane(
    dataset: Dataset, raw: RawData, scan: ScanParameters, geometry: SliceGeometry, partition: int
) -> None:
    """Add spacing, orientation and the centre of the first pixel (PS3.3 C.7.6.2.1.1)."""
    n_partitions, n_rows, n_columns = raw.image_shape
    height_mm, width_mm = scan.field_of_view_mm
    row_spacing_mm, column_spacing_mm = height_mm / n_rows, width_mm / n_columns
    read_dir, phase_dir = np.array(geometry.read_dir), np.array(geometry.phase_dir)
    first_pixel_mm = (
        np.array(geometry.center_mm)
        - (n_columns // 2) * column_spacing_mm * read_dir
        - (n_rows // 2) * row_spacing_mm * phase_dir
    )
    if n_partitions > 1 and geometry.slice_dir is not None:
        depth_mm = (partition - n_partitions // 2) * (scan.slice_thickness_mm or 0.0)
        first_pixel_mm = first_pixel_mm + depth_mm * np.array(geometry.slice_dir)
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
