"""Read what the reconstruction needs from ISMRMRD's XML header.

Schema: Inati et al., Magn Reson Med 77:411 (2017), https://ismrmrd.readthedocs.io
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ismrmrd import xsd
from numpy.typing import NDArray

from scanhub_reconstruction.ismrmrd_limits import Counters, StepLimits, is_2d, read_limits
from scanhub_reconstruction.ismrmrd_space import find_transform_shape, find_voxel_mm, read_space
from scanhub_reconstruction.ismrmrd_support import (
    check_acceleration,
    check_is_supported,
    read_acceleration,
)
from scanhub_reconstruction.model import RawDataError, ScanParameters
from scanhub_reconstruction.orientation import decide_orientation
from scanhub_reconstruction.values import optional_positive

# What is outside of these is in another unit: seconds for milliseconds, hertz for tesla.
_PLAUSIBLE = {
    "repetition time": (1.0, 1e5, "milliseconds"),
    "echo time": (0.02, 5e3, "milliseconds"),
    "inversion time": (1.0, 1e5, "milliseconds"),
    "flip angle": (0.1, 360.0, "degrees"),
    # From the Earth's field to the strongest magnets, and hydrogen's 42.58 MHz/T in them.
    "field strength": (1e-5, 30.0, "tesla"),
    "resonance frequency": (400.0, 1.3e9, "hertz"),
}
_MAX_VENDOR_LENGTH = 64


@dataclass(frozen=True, slots=True)
class CartesianEncoding:
    """The 2D or 3D Cartesian encoding of a measurement.

    Parameters
    ----------
    encoded_shape
        k-space matrix (kz, ky, kx); kz = 1 for 2D.
    transform_shape
        (partitions, rows, columns) that gives the voxel size of the reconSpace.
    image_shape
        Matrix (partitions, rows, columns) of the reconSpace.
    field_of_view_mm
        Size of the image (rows, columns) by the encoded field of view, in mm.
    depth_mm
        The encoded field of view along the slice (2D), or thickness of a partition (3D), in mm;
        None when not positive.
    n_header_partitions
        The encoded matrix along z, as the header has it for slices too.
    rows, partitions
        Ranges of kspace_encode_step_1 and kspace_encode_step_2.
    mends
        How the header was read where it contradicts the counters.
    acceleration, calibration_mode
        Factors along (ky, kz), and ISMRMRD's term for how the reference lines were acquired.
    """

    encoded_shape: tuple[int, int, int]
    transform_shape: tuple[int, int, int]
    image_shape: tuple[int, int, int]
    field_of_view_mm: tuple[float, float]
    depth_mm: float | None
    n_header_partitions: int
    rows: StepLimits
    partitions: StepLimits
    mends: tuple[str, ...] = ()
    acceleration: tuple[int, int] = (1, 1)
    calibration_mode: str | None = None

    @property
    def is_3d(self) -> bool:
        """Whether the slice direction is phase-encoded too."""
        return self.encoded_shape[0] > 1

    @property
    def is_interpolated(self) -> bool:
        """Whether k-space is zero-filled for finer pixels."""
        sizes = zip(self.transform_shape, self.encoded_shape, strict=True)
        return any(size > n_encoded for size, n_encoded in sizes)

    @property
    def measured(self) -> tuple[slice, slice]:
        """Where the lines lie along kz and ky."""
        n_kz, n_ky, _ = self.encoded_shape
        return self.partitions.place(n_kz), self.rows.place(n_ky)


def read_encoding(
    header: xsd.ismrmrdHeader, heads: NDArray[np.void], *, is_acceleration_taken: bool = False
) -> CartesianEncoding:
    """Read and check the encoding of the acquisitions.

    Parameters
    ----------
    header
        The parsed header.
    heads
        Uniform acquisition headers, shape (acquisitions,).
    is_acceleration_taken
        Whether an engine unfolds what is undersampled.

    Returns
    -------
    CartesianEncoding
        A 2D or 3D Cartesian encoding.

    Raises
    ------
    RawDataError
        If the encoding is missing, not Cartesian, undersampled or contradicts itself.
    """
    encoding_index = int(heads["encoding_space_ref"][0])
    if encoding_index >= len(header.encoding):
        raise RawDataError("The ISMRMRD header does not describe the encoding of the acquisitions.")
    encoding = header.encoding[encoding_index]
    check_is_supported(header, encoding, heads)
    acceleration = read_acceleration(encoding)
    check_acceleration(acceleration, is_taken=is_acceleration_taken)
    mode = getattr(encoding.parallelImaging, "calibrationMode", None)
    encoded, recon = read_space(encoding, "encodedSpace"), read_space(encoding, "reconSpace")
    counters = Counters.of(heads)
    mends: tuple[str, ...] = ()
    n_header_partitions = encoded.shape[0]
    if is_2d(encoding, n_header_partitions, counters):
        # Whatever both spaces call their slices.
        encoded, recon = (replace(each, shape=(1, *each.shape[1:])) for each in (encoded, recon))
        if n_header_partitions > 1:
            mends = ("The header's matrix has partitions (3D), and the acquisitions are slices.",)
    transform_shape = find_transform_shape(encoded, recon)
    rows, row_mends = read_limits(
        encoding, "kspace_encoding_step_1", encoded.shape[1], counters.rows
    )
    partitions, partition_mends = read_limits(
        encoding, "kspace_encoding_step_2", encoded.shape[0], counters.partitions
    )
    voxel_mm = find_voxel_mm(encoded, transform_shape)
    return CartesianEncoding(
        encoded_shape=encoded.shape,
        transform_shape=transform_shape,
        image_shape=recon.shape,
        field_of_view_mm=(voxel_mm[1] * recon.shape[1], voxel_mm[2] * recon.shape[2]),
        depth_mm=voxel_mm[0],
        n_header_partitions=n_header_partitions,
        rows=rows,
        partitions=partitions,
        mends=(*mends, *row_mends, *partition_mends),
        acceleration=acceleration,
        calibration_mode=mode.value if isinstance(mode, xsd.calibrationModeType) else None,
    )


def read_scan_parameters(
    header: xsd.ismrmrdHeader,
    encoding: CartesianEncoding,
    slice_thickness_mm: float | None,
    slice_spacing_mm: float | None,
) -> ScanParameters:
    """Read the technical parameters of the scan, and nothing about the patient.

    Parameters
    ----------
    header
        The parsed header.
    encoding
        The encoding in use.
    slice_thickness_mm, slice_spacing_mm
        Thickness of the slices, and distance between the centres of neighbouring ones, in mm.

    Returns
    -------
    ScanParameters
        Values that are missing or not plausible are None.
    """
    told = _list_told(header)
    measurement = header.measurementInformation
    position = getattr(measurement, "patientPosition", None)
    vendor = _read_vendor(header.acquisitionSystemInformation)
    orientation_convention, decided_by = decide_orientation(vendor, header)
    return ScanParameters(
        field_of_view_mm=encoding.field_of_view_mm,
        slice_thickness_mm=slice_thickness_mm,
        slice_spacing_mm=slice_spacing_mm,
        repetition_time_ms=_read_first("repetition time", told),
        inversion_time_ms=_read_first("inversion time", told),
        flip_angle_deg=_read_first("flip angle", told),
        field_strength_t=_read_first("field strength", told),
        resonance_frequency_hz=_read_first("resonance frequency", told),
        patient_position=position.value if isinstance(position, xsd.patientPositionType) else None,
        is_3d=encoding.is_3d,
        vendor=vendor,
        orientation_convention=orientation_convention,
        orientation_decided_by=decided_by,
    )


def list_implausible(header: xsd.ismrmrdHeader) -> tuple[str, ...]:
    """Return a sentence for each parameter that cannot be what the header says; 0 says nothing."""
    return tuple(
        f"The header's {name} is not plausible in {_PLAUSIBLE[name][2]} and is left out."
        for name, values in _list_told(header).items()
        if any(value != 0 and _read_plausible(name, value) is None for value in values)
    )


def _list_told(header: xsd.ismrmrdHeader) -> dict[str, list[Any]]:
    sequence, system = header.sequenceParameters, header.acquisitionSystemInformation
    strength_t = getattr(system, "systemFieldStrength_T", None)
    frequency_hz = getattr(header.experimentalConditions, "H1resonanceFrequency_Hz", None)
    return {
        "repetition time": list(getattr(sequence, "TR", ())),
        "echo time": list(getattr(sequence, "TE", ())),
        "inversion time": list(getattr(sequence, "TI", ())),
        "flip angle": list(getattr(sequence, "flipAngle_deg", ())),
        "field strength": [] if strength_t is None else [strength_t],
        "resonance frequency": [] if frequency_hz is None else [frequency_hz],
    }


def read_echo_times_ms(
    header: xsd.ismrmrdHeader, contrasts: Sequence[int]
) -> tuple[float | None, ...]:
    """Read the echo time of each contrast.

    Parameters
    ----------
    header
        The parsed header.
    contrasts
        The acquisitions' contrast counters, each once.

    Returns
    -------
    tuple[float | None, ...]
        TE in ms by contrast; None where the header does not tell it.
    """
    told = _list_told(header)
    times = told["echo time"]
    if len(contrasts) == 1 and contrasts[0] >= len(times):
        return (_read_first("echo time", told),)
    return tuple(
        _read_plausible("echo time", times[contrast]) if contrast < len(times) else None
        for contrast in contrasts
    )


def _read_plausible(name: str, value: Any) -> float | None:
    least, most, _ = _PLAUSIBLE[name]
    number = optional_positive(value)
    return number if number is not None and least <= number <= most else None


def _read_first(name: str, told: dict[str, list[Any]]) -> float | None:
    return _read_plausible(name, told[name][0]) if told[name] else None


def _read_vendor(system: Any) -> str | None:
    vendor = getattr(system, "systemVendor", None)
    if not isinstance(vendor, str):
        return None
    return "".join(c for c in vendor if c.isprintable()).strip()[:_MAX_VENDOR_LENGTH] or None
