"""Write a magnitude image as DICOM: an MR Image where geometry is known, else a Secondary Capture.

Attributes by module: DICOM PS3.3, A.4 (MR Image), A.8 (Secondary Capture Image).
"""

from __future__ import annotations

import hashlib
import io
from base64 import b32encode

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from scanhub_reconstruction import __version__
from scanhub_reconstruction.dicom_mr import add_mr_image, to_ds
from scanhub_reconstruction.model import RawData, ScanDescription
from scanhub_reconstruction.run_conf import RunConf
from scanhub_reconstruction.series_scale import MAX_STORED_VALUE, SeriesScale

# Type 2 attributes: they must be there and may be empty. The patient is never taken from raw data.
_EMPTY_ATTRIBUTES = (
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_DEIDENTIFICATION = (
    "PatientID is a pseudonym, a digest that no name goes into",
    "Nothing else of the patient is written",
)
_SOFTWARE = f"scanhub_reconstruction {__version__}"
# Runs without a number of their own: few enough digits for people, and far from numbers by place.
_FIRST_DERIVED_NUMBER, _N_DERIVED_NUMBERS = 100_000, 900_000


def write_dicom(
    image: NDArray[np.float32],
    raw: RawData,
    run: RunConf,
    scale: SeriesScale,
    image_index: int = 0,
) -> bytes:
    """Return one image of the series as a DICOM file.

    All depends on the run and its data only, so a repeated task writes the same instance again.

    Parameters
    ----------
    image
        Magnitude, shape (rows, columns).
    raw
        The raw data it was made of.
    run
        The run, its patient's pseudonym, study and series.
    scale
        What the images of the series have in common.
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
    dataset.SpecificCharacterSet = "ISO_IR 192"
    _add_patient(dataset, run)
    _add_study_and_series(dataset, raw, run)
    level = "image" if raw.n_images == 1 else f"image {image_index + 1}"
    dataset.SOPInstanceUID = _derive_uid(run.dag_run_id, level)
    dataset.InstanceNumber = image_index + 1
    _add_equipment(dataset, raw)
    volume_index, partition = divmod(image_index, raw.image_shape[0])
    volume = raw.volumes[volume_index]
    if raw.scan is not None and volume.geometry is not None:
        add_mr_image(dataset, raw, raw.scan, volume, partition)
        dataset.FrameOfReferenceUID = _find_frame_of_reference(raw, run)
    else:
        _add_secondary_capture(dataset, raw)
    # Whether the part of the body is a paired one is not known, so no Laterality is either.
    dataset.ImageLaterality = None
    _add_pixels(dataset, image, scale)
    unit = "k-space" if raw.engine is None else "the engine"
    dataset.RealWorldValueMappingSequence = [_build_value_mapping(scale.slope, unit)]
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _derive_uid(source: str, level: str) -> UID:
    return generate_uid(entropy_srcs=[source, "/", level])


def _add_patient(dataset: Dataset, run: RunConf) -> None:
    """Keep patients apart, without a word about them (PS3.3 C.7.1.1)."""
    # Without a pseudonym, an exam's images are one patient's, as nobody else has its study.
    source = run.study_instance_uid or run.dag_run_id
    digest = hashlib.sha256(f"patient of {source}".encode()).digest()
    dataset.PatientID = run.patient_pseudonym or b32encode(digest).decode()[:20]
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = list(_DEIDENTIFICATION)


def _add_study_and_series(dataset: Dataset, raw: RawData, run: RunConf) -> None:
    told = raw.description
    dataset.StudyInstanceUID = run.study_instance_uid or _derive_uid(run.dag_run_id, "study")
    dataset.StudyDate, dataset.StudyTime = _find_study_time(told, run)
    dataset.SeriesInstanceUID = _derive_uid(run.dag_run_id, "series")
    dataset.SeriesNumber = run.series_number or _derive_series_number(run.dag_run_id)
    dataset.Modality = "MR"
    for level in ("Series", "Acquisition", "Content"):
        if told.series_date is not None:
            setattr(dataset, f"{level}Date", told.series_date)
            setattr(dataset, f"{level}Time", told.series_time)
    dataset.SeriesDescription = _describe_series(raw, run)
    if run.has_protocol_name and told.protocol_name:
        dataset.ProtocolName = told.protocol_name


def _find_study_time(told: ScanDescription, run: RunConf) -> tuple[str | None, str | None]:
    """Return what all series of a study agree on: the exam's, else the scanner's of its study."""
    if run.study_date is not None:
        return run.study_date, run.study_time
    if told.study_date is None and run.study_instance_uid is None:  # it has this series only
        return told.series_date, told.series_time
    return told.study_date, told.study_time


def _describe_series(raw: RawData, run: RunConf) -> str:
    if run.has_protocol_name and raw.description.protocol_name:
        return raw.description.protocol_name
    kind = "3D" if raw.image_shape[0] > 1 else "2D"
    return " ".join(word for word in (kind, raw.description.sequence_name) if word)


def _derive_series_number(dag_run_id: str) -> int:
    digest = hashlib.sha256(dag_run_id.encode()).digest()
    return _FIRST_DERIVED_NUMBER + int.from_bytes(digest[:8], "big") % _N_DERIVED_NUMBERS


def _find_frame_of_reference(raw: RawData, run: RunConf) -> str:
    """Return what all series have in common while the patient stays where they lie."""
    if raw.description.frame_of_reference_uid is not None:
        return raw.description.frame_of_reference_uid
    position = (raw.scan and raw.scan.patient_position) or ""
    source = run.study_instance_uid or run.dag_run_id
    return _derive_uid(source, f"frame of reference {position}".rstrip())


def _add_equipment(dataset: Dataset, raw: RawData) -> None:
    """Add the scanner, and this reconstruction as what contributed (PS3.3 C.7.5.1, C.12.1)."""
    told, vendor = raw.description, (raw.scan and raw.scan.vendor) or ""
    dataset.Manufacturer = vendor.replace("\\", " ") or None
    for keyword, value in (
        ("ManufacturerModelName", told.model_name),
        ("StationName", told.station_name),
        ("DeviceSerialNumber", told.serial_number),
    ):
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.SoftwareVersions = _SOFTWARE
    purpose = Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator = "109102", "DCM"
    purpose.CodeMeaning = "Processing Equipment"
    equipment = Dataset()
    equipment.PurposeOfReferenceCodeSequence = [purpose]
    equipment.Manufacturer = "ScanHub"
    # Its model and version would be the scanner's to dcm2niix, which reads no nesting.
    maker = _SOFTWARE if raw.engine is None else f"{raw.engine}, by {_SOFTWARE}"
    equipment.ContributionDescription = f"Image reconstruction: {maker}"
    dataset.ContributingEquipmentSequence = [equipment]


def _add_secondary_capture(dataset: Dataset, raw: RawData) -> None:
    """Add what makes a Secondary Capture: without directions, orientation would be invented."""
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    dataset.ConversionType = "WSD"
    dataset.PatientOrientation = None
    if raw.pixel_spacing_mm is not None:
        dataset.PixelSpacing = [to_ds(spacing_mm) for spacing_mm in raw.pixel_spacing_mm]


def _add_pixels(dataset: Dataset, image: NDArray[np.float32], scale: SeriesScale) -> None:
    """Add the pixels, 16 bit, and how they become the magnitudes that the window is given in."""
    stored = scale.to_stored(image)
    dataset.set_pixel_data(stored, "MONOCHROME2", bits_stored=16, generate_instance_uid=False)
    # Not in the table of the MR Image, which may be extended, and what viewers and converters read.
    dataset.RescaleSlope = to_ds(scale.slope / scale.unit)
    dataset.RescaleIntercept = to_ds(0)
    dataset.RescaleType = "US"
    lower, upper = (grey / scale.unit for grey in scale.window or (0.0, scale.unit))
    dataset.WindowCenter = to_ds((lower + upper) / 2)
    dataset.WindowWidth = to_ds(max(upper - lower, 1.0))  # PS3.3 C.11.2.1.2 forbids less


def _build_value_mapping(slope: float, unit: str) -> Dataset:
    """Return the mapping to the units of k-space, or another; macro of PS3.3 C.7.6.16.2.11."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "UCUM", "no units"
    mapping = Dataset()
    mapping.RealWorldValueFirstValueMapped = 0
    mapping.RealWorldValueLastValueMapped = MAX_STORED_VALUE
    mapping.RealWorldValueIntercept = 0.0
    mapping.RealWorldValueSlope = slope
    mapping.LUTExplanation = f"Magnitude in units of {unit}"
    mapping.LUTLabel = "MAGNITUDE"
    mapping.MeasurementUnitsCodeSequence = [code]
    return mapping
