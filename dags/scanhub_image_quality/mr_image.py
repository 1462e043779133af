"""Read MR images from DICOM files, within bounds that are checked before anything is decoded."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from scanhub_dag import RunError
from scanhub_image_quality.surroundings import PhaseEncodingDirection

MAX_FILE_BYTES, MAX_PIXELS = 2**26, 2**22
# A deflated one would be inflated by the reader, whatever its size.
_TRANSFER_SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
# Image Type, value 3 and beyond, of vendors: phase, real and imaginary images.
_NO_MAGNITUDE = frozenset({"P", "PHASE", "PHASE MAP", "R", "REAL", "I", "IMAGINARY", "VELOCITY"})
# Nothing that identifies anybody is read.
_PIXEL_KEYWORDS = (
    *("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("RescaleSlope", "RescaleIntercept"),
)
_KEYWORDS = (
    *_PIXEL_KEYWORDS,
    *("Modality", "ImageType", "InstanceNumber", "EchoTime", "EchoNumbers", "AcquisitionNumber"),
    *("TemporalPositionIdentifier", "InPlanePhaseEncodingDirection"),
    *("ImagePositionPatient", "ImageOrientationPatient"),
)

NOT_READABLE = "is not a DICOM file that can be read, or it is damaged"


@dataclass(frozen=True, slots=True)
class MrImage:
    """One image of a series, its pixels still in the file.

    Parameters
    ----------
    path
        The DICOM file.
    label
        What errors call it: its place in the series.
    instance_number
        None where the file has none.
    rows, columns
        Its matrix.
    echo_time_ms
        None where the file has none.
    phase_direction
        Along which direction of the image phases are encoded; None: not known.
    is_magnitude
        False for phase, real and imaginary images.
    scan
        What the repetitions of an image have in common; None: nobody knows where it lies.
    temporal_position
        Tells repetitions apart.
    """

    path: Path
    label: str
    instance_number: int | None
    rows: int
    columns: int
    echo_time_ms: float | None
    phase_direction: PhaseEncodingDirection | None
    is_magnitude: bool
    scan: tuple[object, ...] | None
    temporal_position: int | None

    def read_pixels(self) -> NDArray[np.float64]:
        """Return the rescaled values, shape (rows, columns).

        Raises
        ------
        RunError
            If the file lacks pixels, or has others than it says.
        """
        with _explained(self.label):
            dataset = _read(self.path, self.label, (*_PIXEL_KEYWORDS, "PixelData"))
            slope, intercept = (
                default if dataset.get(keyword) in (None, "") else float(dataset.get(keyword))
                for keyword, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
            )
            if not (math.isfinite(slope) and math.isfinite(intercept) and slope > 0):
                raise RunError(f"{self.label} has an invalid Rescale Slope or Intercept.")
            pixels: NDArray[np.float64] = dataset.pixel_array * slope + intercept
        return pixels


def read_header(path: Path, label: str) -> MrImage:
    """Return an image without its pixels.

    Parameters
    ----------
    path
        A DICOM file.
    label
        What errors call it, such as "Image 3 of 20".

    Raises
    ------
    RunError
        If it is no MR image that can be measured; the sentence quotes nothing of the file.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise RunError(f"{label} is larger than {MAX_FILE_BYTES // 2**20} MiB.")
    with _explained(label):
        dataset = _read(path, label, _KEYWORDS, has_pixels=False)
        _check(dataset, label)
        return MrImage(
            path,
            label,
            instance_number=_to_int(dataset.get("InstanceNumber")),
            rows=int(dataset.Rows),
            columns=int(dataset.Columns),
            echo_time_ms=_to_float(dataset.get("EchoTime")),
            phase_direction=_find_phase_direction(dataset),
            is_magnitude=_NO_MAGNITUDE.isdisjoint(_to_list(dataset.get("ImageType"))[2:]),
            scan=_identify_scan(dataset),
            temporal_position=_to_int(dataset.get("TemporalPositionIdentifier")),
        )


@contextmanager
def _explained(label: str) -> Iterator[None]:
    """Turn whatever a damaged file does to its reader into a sentence."""
    try:
        with _silenced():
            yield
    except (RunError, OSError):
        raise
    except Exception:  # noqa: BLE001 - pydicom raises all kinds
        raise RunError(f"{label} {NOT_READABLE}.") from None


@contextmanager
def _silenced() -> Iterator[None]:
    """Let pydicom neither warn nor log: it quotes the file."""
    was_disabled = config.logger.disabled
    config.logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        config.logger.disabled = was_disabled


def _read(path: Path, label: str, keywords: tuple[str, ...], *, has_pixels: bool = True) -> Dataset:
    if read_file_meta_info(path).TransferSyntaxUID not in _TRANSFER_SYNTAXES:
        raise RunError(f"{label} is compressed, and this DAG takes uncompressed DICOM only.")
    # From memory, where no length in the file makes more be read than there is.
    file = io.BytesIO(path.read_bytes())
    return dcmread(file, stop_before_pixels=not has_pixels, specific_tags=list(keywords))


def _check(dataset: Dataset, label: str) -> None:
    """Check the kind of image, and its size before its pixels are read."""
    if dataset.get("Modality") != "MR":
        raise RunError(f"{label} is no MR image.")
    photometric = dataset.get("PhotometricInterpretation")
    if dataset.get("SamplesPerPixel") != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise RunError(f"{label} is no grey image, and nothing can be measured in colours.")
    if (_to_int(dataset.get("NumberOfFrames")) or 1) != 1:
        raise RunError(f"{label} has several frames, and this DAG takes one image per file.")
    rows, columns = dataset.Rows, dataset.Columns
    if rows * columns > MAX_PIXELS:
        raise RunError(f"{label} has more than {MAX_PIXELS} pixels.")


def _find_phase_direction(dataset: Dataset) -> PhaseEncodingDirection | None:
    direction = dataset.get("InPlanePhaseEncodingDirection")
    return direction if direction in ("ROW", "COL") else None


def _identify_scan(dataset: Dataset) -> tuple[object, ...] | None:
    position = _to_list(dataset.get("ImagePositionPatient"))
    if len(position) != 3:
        return None
    keywords = ("Rows", "Columns", "EchoTime", "EchoNumbers", "AcquisitionNumber", "ImageType")
    orientation = _to_list(dataset.get("ImageOrientationPatient"))
    return (*map(str, position), *map(str, orientation), *(str(dataset.get(k)) for k in keywords))


def _to_list(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str | int | float) else list(value)


def _to_int(value: Any) -> int | None:
    return None if value is None or value == "" else int(value)


def _to_float(value: Any) -> float | None:
    number = None if value is None or value == "" else float(value)
    return number if number is not None and math.isfinite(number) else None
