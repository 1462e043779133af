"""What makes a dataset an MR Image with a place in the patient (DICOM PS3.3 A.4)."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage
from pydicom.valuerep import DSfloat

from scanhub_reconstruction.model import RawData, ScanParameters, SliceGeometry, Volume


def add_mr_image(
    dataset: Dataset, raw: RawData, scan: ScanParameters, volume: Volume, partition: int
) -> None:
    """Add how an image was acquired, and where.

    Parameters
    ----------
    dataset
        Added to.
    raw, scan, volume, partition
        The image and what is known of it; the volume has a geometry.
    """
    dataset.SOPClassUID = MRImageStorage
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    # ISMRMRD does not tell the sequence in DICOM's terms; "research mode" claims none.
    # Only an inversion has a time of its own.
    dataset.ScanningSequence = ["RM", "IR"] if scan.inversion_time_ms is not None else "RM"
    dataset.SequenceVariant = "NONE"
    dataset.ScanOptions = list(raw.scan_options) or None
    dataset.MRAcquisitionType = "3D" if scan.is_3d else "2D"
    dataset.PatientPosition = scan.patient_position
    dataset.SliceThickness = to_ds(scan.slice_thickness_mm)
    dataset.RepetitionTime = to_ds(scan.repetition_time_ms)
    dataset.EchoTime = to_ds(volume.echo_time_ms)
    dataset.EchoTrainLength = raw.description.echo_train_length
    dataset.NumberOfAverages = to_ds(raw.n_averages)
    dataset.ImagedNucleus = "1H"
    dataset.PositionReferenceIndicator = None
    _add_what_is_known(dataset, raw, scan)
    _add_place_in_series(dataset, raw, volume)
    if volume.geometry is not None:
        _add_image_plane(dataset, raw, scan, volume.geometry, partition)


def to_ds(value: float | None) -> DSfloat | None:
    """Return the value in DICOM's decimal string, at most 16 characters."""
    return None if value is None else DSfloat(value, auto_format=True)


def _add_what_is_known(dataset: Dataset, raw: RawData, scan: ScanParameters) -> None:
    told = raw.description
    frequency_hz = scan.resonance_frequency_hz
    for keyword, value in (
        ("SpacingBetweenSlices", scan.slice_spacing_mm),
        ("InversionTime", scan.inversion_time_ms),
        ("FlipAngle", scan.flip_angle_deg),
        ("MagneticFieldStrength", scan.field_strength_t),
        ("ImagingFrequency", frequency_hz and frequency_hz / 1e6),  # MHz
        ("PixelBandwidth", told.pixel_bandwidth_hz),
    ):
        if value is not None:
            setattr(dataset, keyword, to_ds(value))
    if told.sequence_name is not None:
        dataset.SequenceName = told.sequence_name
    # Rows are read, so phases are encoded along columns.
    dataset.InPlanePhaseEncodingDirection = "COL"
    if told.n_acquired_samples and told.n_acquired_lines:
        dataset.AcquisitionMatrix = [0, told.n_acquired_samples, told.n_acquired_lines, 0]


def _add_place_in_series(dataset: Dataset, raw: RawData, volume: Volume) -> None:
    """Add contrast, time and set where there are several (PS3.3 C.8.3.1)."""
    if any(other.contrast for other in raw.volumes):
        dataset.EchoNumbers = volume.contrast + 1
    n_phases = 1 + max(other.phase for other in raw.volumes)
    n_times = n_phases * (1 + max(other.repetition for other in raw.volumes))
    if n_times > 1:
        dataset.TemporalPositionIdentifier = volume.repetition * n_phases + volume.phase + 1
        dataset.NumberOfTemporalPositions = n_times
    if any(other.set_index for other in raw.volumes):
        dataset.AcquisitionNumber = volume.set_index + 1


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
    dataset.PixelSpacing = [to_ds(row_spacing_mm), to_ds(column_spacing_mm)]
    dataset.ImageOrientationPatient = [to_ds(c) for c in (*read_dir, *phase_dir)]
    dataset.ImagePositionPatient = [to_ds(c) for c in first_pixel_mm]
