"""Read what the reconstruction needs from ISMRMRD's XML header.

Schema: Inati et al., Magn Reson Med 77:411 (2017), https://ismrmrd.readthedocs.io
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ismrmrd import xsd

from scanhub_reconstruction.model import MAX_SAMPLES, RawDataError, ScanParameters

_MAX_MATRIX = 65535  # ISMRMRD's counters are 16 bit
_MAX_INTERPOLATION = 4  # per direction; scanners zero-fill by 2, rarely by 4
# Far beyond any scan in mm, ms or Hz; what is computed from such numbers is finite.
_SMALLEST, _LARGEST = 1e-9, 1e12


@dataclass(frozen=True, slots=True)
class StepLimits:
    """The range of one phase-encoding counter.

    Parameters
    ----------
    first, last
        Inclusive range.
    center
        The step of k = 0.
    """

    first: int
    last: int
    center: int

    @property
    def n_steps(self) -> int:
        """Number of steps in the range."""
        return self.last - self.first + 1


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
        Field of view (rows, columns) of the reconSpace, in mm.
    slice_thickness_mm
        Thickness of a slice or partition of the reconSpace, in mm; None when not positive.
    rows, partitions
        Ranges of kspace_encode_step_1 and kspace_encode_step_2.
    """

    encoded_shape: tuple[int, int, int]
    transform_shape: tuple[int, int, int]
    image_shape: tuple[int, int, int]
    field_of_view_mm: tuple[float, float]
    slice_thickness_mm: float | None
    rows: StepLimits
    partitions: StepLimits

    @property
    def is_3d(self) -> bool:
        """Whether the slice direction is phase-encoded too."""
        return self.encoded_shape[0] > 1


def read_encoding(header: xsd.ismrmrdHeader, encoding_index: int) -> CartesianEncoding:
    """Read and check one encoding of the header.

    Parameters
    ----------
    header
        The parsed header.
    encoding_index
        The acquisitions' encoding_space_ref.

    Returns
    -------
    CartesianEncoding
        A fully sampled 2D or 3D Cartesian encoding.

    Raises
    ------
    RawDataError
        If the encoding is missing, not Cartesian, undersampled or contradicts itself.
    """
    if encoding_index >= len(header.encoding):
        raise RawDataError("The ISMRMRD header does not describe the encoding of the acquisitions.")
    encoding = header.encoding[encoding_index]
    _check_is_supported(encoding)
    encoded, recon = encoding.encodedSpace, encoding.reconSpace
    encoded_shape, image_shape = _read_matrix(encoded), _read_matrix(recon)
    if encoded_shape[0] == 1:  # 2D, whatever the reconSpace calls its slices
        image_shape = (1, *image_shape[1:])
    encoded_fov_mm, fov_mm = _read_field_of_view_mm(encoded), _read_field_of_view_mm(recon)
    depth_mm = _optional_positive(recon.fieldOfView_mm.z)
    transform_shape = (
        _transform_depth(encoded, depth_mm, image_shape[0]),
        _transform_size(encoded_fov_mm[0], fov_mm[0], image_shape[1], encoded_shape[1]),
        _transform_size(encoded_fov_mm[1], fov_mm[1], image_shape[2], encoded_shape[2]),
    )
    if max(math.prod(encoded_shape), math.prod(transform_shape)) > MAX_SAMPLES:
        raise RawDataError("The matrix is too large for this reconstruction.")
    limits = encoding.encodingLimits
    return CartesianEncoding(
        encoded_shape=encoded_shape,
        transform_shape=transform_shape,
        image_shape=image_shape,
        field_of_view_mm=fov_mm,
        slice_thickness_mm=None if depth_mm is None else depth_mm / image_shape[0],
        rows=_read_limits(limits.kspace_encoding_step_1, encoded_shape[1]),
        partitions=_read_limits(
            limits.kspace_encoding_step_2 if encoded_shape[0] > 1 else None, encoded_shape[0]
        ),
    )


def read_scan_parameters(
    header: xsd.ismrmrdHeader, encoding: CartesianEncoding, slice_spacing_mm: float | None
) -> ScanParameters:
    """Read the technical parameters of the scan, and nothing about the patient.

    Parameters
    ----------
    header
        The parsed header.
    encoding
        The encoding in use.
    slice_spacing_mm
        Distance between the centres of neighbouring slices in mm, from the acquisitions.

    Returns
    -------
    ScanParameters
        Values that are missing or not positive are None.
    """
    sequence, system = header.sequenceParameters, header.acquisitionSystemInformation
    measurement = header.measurementInformation
    position = getattr(measurement, "patientPosition", None)
    return ScanParameters(
        field_of_view_mm=encoding.field_of_view_mm,
        slice_thickness_mm=encoding.slice_thickness_mm,
        slice_spacing_mm=slice_spacing_mm,
        repetition_time_ms=_first_positive(getattr(sequence, "TR", ())),
        inversion_time_ms=_first_positive(getattr(sequence, "TI", ())),
        flip_angle_deg=_first_positive(getattr(sequence, "flipAngle_deg", ())),
        field_strength_t=_optional_positive(getattr(system, "systemFieldStrength_T", None)),
        resonance_frequency_hz=_optional_positive(
            header.experimentalConditions.H1resonanceFrequency_Hz
        ),
        patient_position=position.value if isinstance(position, xsd.patientPositionType) else None,
        is_3d=encoding.is_3d,
    )


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
    times = getattr(header.sequenceParameters, "TE", ())
    if len(contrasts) == 1 and contrasts[0] >= len(times):
        return (_first_positive(times),)
    return tuple(
        _optional_positive(times[contrast]) if contrast < len(times) else None
        for contrast in contrasts
    )


def _check_is_supported(encoding: xsd.encodingType) -> None:
    if encoding.trajectory is not xsd.trajectoryType.CARTESIAN:
        raise RawDataError(
            "The trajectory is not Cartesian; this reconstruction takes Cartesian data only."
        )
    factor = getattr(encoding.parallelImaging, "accelerationFactor", None)
    steps = ("kspace_encoding_step_1", "kspace_encoding_step_2")
    if factor is not None and any(getattr(factor, step) != 1 for step in steps):
        raise RawDataError(
            "The measurement is undersampled for parallel imaging; "
            "this reconstruction takes fully sampled data only."
        )


def _read_matrix(space: xsd.encodingSpaceType) -> tuple[int, int, int]:
    matrix = (space.matrixSize.z, space.matrixSize.y, space.matrixSize.x)
    if not all(isinstance(size, int) and 0 < size <= _MAX_MATRIX for size in matrix):
        raise RawDataError("The ISMRMRD header is invalid: a matrix size is out of range.")
    return matrix


def _read_field_of_view_mm(space: xsd.encodingSpaceType) -> tuple[float, float]:
    height_mm = _optional_positive(space.fieldOfView_mm.y)
    width_mm = _optional_positive(space.fieldOfView_mm.x)
    if height_mm is None or width_mm is None:
        raise RawDataError("The ISMRMRD header is invalid: a field of view is not positive.")
    return height_mm, width_mm


def _transform_depth(
    encoded: xsd.encodingSpaceType, depth_mm: float | None, n_partitions: int
) -> int:
    if encoded.matrixSize.z == 1:
        return 1
    encoded_depth_mm = _optional_positive(encoded.fieldOfView_mm.z)
    if encoded_depth_mm is None or depth_mm is None:
        raise RawDataError("The ISMRMRD header is invalid: a field of view is not positive.")
    return _transform_size(encoded_depth_mm, depth_mm, n_partitions, encoded.matrixSize.z)


def _transform_size(encoded_fov_mm: float, fov_mm: float, n_pixels: int, n_encoded: int) -> int:
    """Return the number of pixels of the reconSpace's size in the encoded field of view."""
    size = round(encoded_fov_mm / fov_mm * n_pixels)
    if size > _MAX_INTERPOLATION * n_encoded:
        raise RawDataError(
            "The ISMRMRD header is inconsistent: the image is more than "
            f"{_MAX_INTERPOLATION} times as fine as the encoded matrix."
        )
    if not n_pixels <= size <= _MAX_MATRIX:
        raise RawDataError(
            "The ISMRMRD header is inconsistent: "
            "the image's field of view is larger than the encoded one."
        )
    return size


def _read_limits(limits: xsd.limitType | None, n_lines: int) -> StepLimits:
    if limits is None:
        return StepLimits(0, n_lines - 1, n_lines // 2)
    first, last, center = limits.minimum, limits.maximum, limits.center
    if not all(isinstance(step, int) for step in (first, last, center)):
        raise RawDataError("The ISMRMRD header is invalid: an encoding limit is not a number.")
    offset = n_lines // 2 - center
    if not (first <= center <= last and 0 <= first + offset and last + offset < n_lines):
        raise RawDataError(
            "The ISMRMRD header is inconsistent: "
            "the phase-encoding limits do not fit the encoded matrix."
        )
    return StepLimits(first, last, center)


def _first_positive(values: Sequence[Any]) -> float | None:
    return _optional_positive(values[0]) if values else None


def _optional_positive(value: Any) -> float | None:  # xsdata leaves bad values as text
    if isinstance(value, int | float) and _SMALLEST <= value <= _LARGEST:
        return float(value)
    return None
