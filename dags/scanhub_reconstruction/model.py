"""The raw data of one 2D Cartesian measurement, whatever file it came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# Far above any 2D measurement, below a worker's memory: 1 GiB of k-space, 4096 × 4096 an image.
MAX_SAMPLES = 2**27
MAX_PIXELS = 2**24


class RawDataError(Exception):
    """The raw data cannot be reconstructed; the message is a sentence for the operator.

    The message never quotes the file: no names, no header values that could identify a patient.
    """


@dataclass(frozen=True, slots=True)
class SliceGeometry:
    """Where the slice lies in the patient, in DICOM's LPS coordinates.

    Parameters
    ----------
    center_mm
        Position (x, y, z) of the pixel at index (rows // 2, columns // 2), in mm.
    read_dir
        Unit vector of increasing column index, the frequency-encoding direction.
    phase_dir
        Unit vector of increasing row index, the phase-encoding direction.
    """

    center_mm: tuple[float, float, float]
    read_dir: tuple[float, float, float]
    phase_dir: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ScanParameters:
    """What the scanner tells about the image; None where it does not.

    Parameters
    ----------
    field_of_view_mm
        Size of the reconstructed image (rows, columns), in mm.
    slice_thickness_mm
        Thickness of the slice in mm.
    repetition_time_ms
        TR in ms.
    echo_time_ms
        TE in ms.
    inversion_time_ms
        TI in ms.
    flip_angle_deg
        Flip angle in degrees.
    field_strength_t
        Magnetic field strength in tesla.
    resonance_frequency_hz
        Larmor frequency of hydrogen in Hz.
    patient_position
        How the patient lies in the scanner, DICOM's term (HFS, FFP, ...).
    geometry
        Where the slice lies; None when the acquisitions carry no directions.
    """

    field_of_view_mm: tuple[float, float]
    slice_thickness_mm: float | None = None
    repetition_time_ms: float | None = None
    echo_time_ms: float | None = None
    inversion_time_ms: float | None = None
    flip_angle_deg: float | None = None
    field_strength_t: float | None = None
    resonance_frequency_hz: float | None = None
    patient_position: str | None = None
    geometry: SliceGeometry | None = None


@dataclass(frozen=True, slots=True)
class RawData:
    """Fully encoded 2D Cartesian k-space and how to make an image of it.

    Parameters
    ----------
    kspace
        Shape (coils, ky, kx), complex64; k = 0 at index (ky // 2, kx // 2).
    transform_shape
        (rows, columns) that k-space is zero-filled or cropped to before the transform.
    image_shape
        (rows, columns) cropped from the middle of the transformed image.
    source_format
        The format of the file.
    scan
        Parameters of the scan; None when the format has none.
    n_averages
        How often each line of k-space was acquired (the most often acquired one).
    """

    kspace: NDArray[np.complex64]
    transform_shape: tuple[int, int]
    image_shape: tuple[int, int]
    source_format: Literal["ISMRMRD", "NumPy"]
    scan: ScanParameters | None = None
    n_averages: int = 1

    @property
    def n_coils(self) -> int:
        """Number of receive coils."""
        return int(self.kspace.shape[0])

    @property
    def pixel_spacing_mm(self) -> tuple[float, float] | None:
        """Distance between pixel centres (rows, columns) in mm; None without a field of view."""
        if self.scan is None:
            return None
        (height_mm, width_mm), (n_rows, n_columns) = self.scan.field_of_view_mm, self.image_shape
        return height_mm / n_rows, width_mm / n_columns
