"""The raw data of one Cartesian measurement, whatever file it came in."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scanhub_dag import RunError
from scanhub_reconstruction.parallel import ParallelImaging

# Of one coil and one volume, of which a worker holds about three at a time: 512 × 512 × 512.
MAX_SAMPLES = 2**27
# What a task may allocate for that; the kernel holds it to this.
MAX_MEMORY_BYTES = 5 * 2**30


# For which Fourier transform a file gives its directions: to ours, the inverse, or the forward one.
OrientationConvention = Literal["inverse", "forward"]
CoilCombination = Literal["sum_of_squares", "adaptive"]


class RawDataError(RunError):
    """The raw data cannot be reconstructed; the message is a sentence for the operator.

    The message never quotes the file: no names, no header values that could identify a patient.
    """


class NeedsEngineError(RawDataError):
    """The measurement is sound, and needs a reconstruction that an engine may have."""


@dataclass(frozen=True, slots=True)
class SliceGeometry:
    """Where a slice, or the slab of a 3D volume, lies in the patient, in DICOM's LPS coordinates.

    Parameters
    ----------
    center_mm
        Position (x, y, z) of the pixel at index (partitions // 2, rows // 2, columns // 2), in mm.
    read_dir
        Unit vector of increasing column index, the frequency-encoding direction.
    phase_dir
        Unit vector of increasing row index, the phase-encoding direction.
    slice_dir
        Unit vector of increasing partition index; None when a 2D file does not tell it.
    """

    center_mm: tuple[float, float, float]
    read_dir: tuple[float, float, float]
    phase_dir: tuple[float, float, float]
    slice_dir: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class ScanParameters:
    """What the scanner tells about all images; None where it does not.

    Parameters
    ----------
    field_of_view_mm
        Size of the reconstructed image (rows, columns), in mm, by the encoded field of view.
    slice_thickness_mm
        Thickness of a slice or partition in mm, by what was encoded.
    slice_spacing_mm
        Distance between the centres of neighbouring slices in mm; None for a single one.
    repetition_time_ms
        TR in ms.
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
    is_3d
        Whether the slice direction was phase-encoded too.
    vendor
        Who made the scanner, as the header has it: at most 64 printable characters.
    orientation_convention
        For which Fourier transform the directions are given. Images are made so that the geometry
        is right, whichever it is.
    orientation_decided_by
        What told that: the run's configuration, the deployment's, the vendor, or nothing
        ("assumption", for vendors whose convention is not known); "header" is another trace of
        the vendor.
    """

    field_of_view_mm: tuple[float, float]
    slice_thickness_mm: float | None = None
    slice_spacing_mm: float | None = None
    repetition_time_ms: float | None = None
    inversion_time_ms: float | None = None
    flip_angle_deg: float | None = None
    field_strength_t: float | None = None
    resonance_frequency_hz: float | None = None
    patient_position: str | None = None
    is_3d: bool = False
    vendor: str | None = None
    orientation_convention: OrientationConvention = "inverse"
    orientation_decided_by: Literal["run", "deployment", "vendor", "header", "assumption"] = (
        "assumption"
    )


@dataclass(frozen=True, slots=True)
class ScanDescription:
    """What images are labelled with and not made by; None where the scanner does not tell it.

    Parameters
    ----------
    model_name, station_name, serial_number
        The scanner, in plain text of the lengths that DICOM allows.
    study_date, study_time, series_date, series_time
        In DICOM's formats (YYYYMMDD, HHMMSS.FFFFFF).
    protocol_name
        Free text of the person at the scanner; written only where a deployment wants it.
    sequence_name
        The sequence's name or type.
    frame_of_reference_uid
        Of the scanner's coordinates, as long as the patient stays where they lie.
    echo_train_length
        Lines per excitation.
    pixel_bandwidth_hz
        Reciprocal of a readout's whole sampling time in Hz.
    n_acquired_samples, n_acquired_lines
        Size of the acquired matrix, along the readout without oversampling.
    """

    model_name: str | None = None
    station_name: str | None = None
    serial_number: str | None = None
    study_date: str | None = None
    study_time: str | None = None
    series_date: str | None = None
    series_time: str | None = None
    protocol_name: str | None = None
    sequence_name: str | None = None
    frame_of_reference_uid: str | None = None
    echo_train_length: int | None = None
    pixel_bandwidth_hz: float | None = None
    n_acquired_samples: int | None = None
    n_acquired_lines: int | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    """A slice (2D) or a slab (3D) of one contrast, cardiac phase, set and repetition.

    Parameters
    ----------
    repetition, contrast, slice_index, phase, set_index
        Counted from 0 without gaps, in the order of the file's counters.
    echo_time_ms
        TE of the contrast in ms; None when unknown.
    geometry
        Where it lies; None when the acquisitions carry no directions.
    """

    repetition: int = 0
    contrast: int = 0
    slice_index: int = 0
    echo_time_ms: float | None = None
    geometry: SliceGeometry | None = None
    phase: int = 0
    set_index: int = 0


@dataclass(frozen=True, slots=True)
class RawData:
    """Fully encoded Cartesian k-space and how to make images of it.

    Parameters
    ----------
    kspace
        Shape (volumes, coils, kz, ky, kx), complex; k = 0 at index (kz // 2, ky // 2, kx // 2).
        It lies in a file, so take one coil at a time, by `read_coil`.
    transform_shape
        (partitions, rows, columns) that k-space is zero-filled or cropped to before the transform.
    image_shape
        (partitions, rows, columns) cropped from the middle of the transformed volume.
    source_format
        The format of the file.
    scan
        Parameters of the scan; None when the format has none.
    n_averages
        How often each line of k-space was acquired (the most often acquired one).
    volumes
        What each volume is: by repetition, then set, phase, contrast and slice.
    peak
        Largest real or imaginary part of k-space; None when unknown.
    mapping
        The file that k-space lies in; None when it lies in memory.
    scan_options
        DICOM's terms for partial Fourier along phase ("PFP") and frequency ("PFF"), and ours for
        k-space that was filled up with zeros ("ZERO_FILLED").
    mends
        What was wrong with the file and how it was read all the same: sentences that do not quote
        the file.
    is_prewhitened
        Whether the coils' noise was made equal and uncorrelated by the file's noise scan.
    description
        What the images are labelled with.
    coil_combination
        How the coils' images are made one.
    parallel
        How k-space is undersampled; None when it is not.
    engine
        What made the images, in units of its own; None for this package.
    """

    kspace: NDArray[np.complexfloating]
    transform_shape: tuple[int, int, int]
    image_shape: tuple[int, int, int]
    source_format: Literal["ISMRMRD", "NumPy"]
    scan: ScanParameters | None = None
    n_averages: int = 1
    volumes: tuple[Volume, ...] = (Volume(),)
    peak: float | None = None
    mapping: mmap.mmap | None = None
    scan_options: tuple[str, ...] = ()
    mends: tuple[str, ...] = ()
    is_prewhitened: bool = False
    description: ScanDescription = ScanDescription()
    coil_combination: CoilCombination = "sum_of_squares"
    parallel: ParallelImaging | None = None
    engine: str | None = None

    @property
    def n_coils(self) -> int:
        """Number of receive coils."""
        return int(self.kspace.shape[1])

    @property
    def n_images(self) -> int:
        """Number of 2D images: each partition of each volume is one."""
        return len(self.volumes) * self.image_shape[0]

    @property
    def n_pixels(self) -> int:
        """Number of pixels of an image."""
        return self.image_shape[1] * self.image_shape[2]

    @property
    def is_conjugate(self) -> bool:
        """Whether the conjugate of k-space gives images by the inverse transform."""
        return self.scan is not None and self.scan.orientation_convention == "forward"

    @property
    def pixel_spacing_mm(self) -> tuple[float, float] | None:
        """Distance between pixel centres (rows, columns) in mm; None without a field of view."""
        if self.scan is None:
            return None
        (height_mm, width_mm), (_, n_rows, n_columns) = self.scan.field_of_view_mm, self.image_shape
        return height_mm / n_rows, width_mm / n_columns

    def read_coil(self, volume: int, coil: int) -> NDArray[np.complex64]:
        """Read one coil; `release_pages(raw.mapping)` afterwards.

        Parameters
        ----------
        volume, coil
            Indices into `kspace`.

        Returns
        -------
        NDArray[np.complex64]
            Shape (kz, ky, kx), C-contiguous, not to be written to: a view where the file holds
            the samples like this, else a copy.
        """
        with np.errstate(over="ignore"):  # what complex64 cannot hold becomes Inf and is refused
            return np.ascontiguousarray(self.kspace[volume, coil], np.complex64)


def release_pages(mapping: mmap.mmap | None) -> None:
    """Let go of the memory that a mapped file occupies; its bytes stay in the file.

    Parameters
    ----------
    mapping
        The mapping; None is left alone.
    """
    if mapping is not None:
        mapping.madvise(mmap.MADV_DONTNEED)
