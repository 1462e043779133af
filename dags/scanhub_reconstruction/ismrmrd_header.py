"""Read what the reconstruction needs from ISMRMRD's XML header.

Schema: Inati et al., Magn Reson Med 77:411 (2017), https://ismrmrd.readthedocs.io
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ismrmrd import xsd

from scanhub_reconstruction.model import MAX_PIXELS, RawDataError, ScanParameters, SliceGeometry

_MAX_MATRIX = 65535  # ISMRMRD's counters are 16 bit


@dataclass(frozen=True, slots=True)
class CartesianEncoding:
    """The 2D Cartesian encoding of a measurement.

    Parameters
    ----------
    encoded_shape
        k-space matrix (ky, kx).
    transform_shape
        (rows, columns) that gives the pixel size of the reconSpace.
    image_shape
        Matrix (rows, columns) of the reconSpace.
    field_of_view_mm
        Field of view (rows, columns) of the reconSpace, in mm.
    slice_thickness_mm
        Field of view of the reconSpace along z, in mm; None when not positive.
    first_step, last_step
        Inclusive range of kspace_encode_step_1.
    center_step
        The kspace_encode_step_1 of ky = 0.
    """

    encoded_shape: tuple[int, int]
    transform_shape: tuple[int, int]
    image_shape: tuple[int, int]
    field_of_view_mm: tuple[float, float]
    slice_thickness_mm: float | None
    first_step: int
    last_step: int
    center_step: int


def parse_header(document: bytes) -> xsd.ismrmrdHeader:
    """Parse the XML header.

    Parameters
    ----------
    document
        The XML text.

    Returns
    -------
    ismrmrd.xsd.ismrmrdHeader
        The header; values of the wrong type are still strings.

    Raises
    ------
    RawDataError
        If the text is not an ISMRMRD header.
    """
    if b"<!DOCTYPE" in document:  # ISMRMRD has no DTD; entities are an attack on the parser
        raise RawDataError("The ISMRMRD header is invalid: it has a document type.")
    try:
        with warnings.catch_warnings():
            # The warning quotes the value, which may be a patient's.
            warnings.simplefilter("ignore")
            return xsd.CreateFromDocument(document)
    except (ValueError, TypeError):  # xsdata: malformed XML, or a required element is missing
        raise RawDataError(
            "The ISMRMRD header is invalid: it does not follow the ISMRMRD schema."
        ) from None


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
        A fully sampled 2D Cartesian encoding.

    Raises
    ------
    RawDataError
        If the encoding is missing, not 2D Cartesian, undersampled or contradicts itself.
    """
    if encoding_index >= len(header.encoding):
        raise RawDataError("The ISMRMRD header does not describe the encoding of the acquisitions.")
    encoding = header.encoding[encoding_index]
    _check_is_supported(encoding)
    encoded, recon = encoding.encodedSpace, encoding.reconSpace
    encoded_shape, image_shape = _read_matrix(encoded), _read_matrix(recon)
    encoded_fov_mm, fov_mm = _read_field_of_view_mm(encoded), _read_field_of_view_mm(recon)
    transform_shape = (
        _transform_size(encoded_fov_mm[0], fov_mm[0], image_shape[0]),
        _transform_size(encoded_fov_mm[1], fov_mm[1], image_shape[1]),
    )
    if max(math.prod(encoded_shape), math.prod(transform_shape)) > MAX_PIXELS:
        raise RawDataError("The matrix is too large for this 2D reconstruction.")
    first_step, last_step, center_step = _read_limits(encoding, encoded_shape[0])
    return CartesianEncoding(
        encoded_shape=encoded_shape,
        transform_shape=transform_shape,
        image_shape=image_shape,
        field_of_view_mm=fov_mm,
        slice_thickness_mm=_optional_positive(recon.fieldOfView_mm.z),
        first_step=first_step,
        last_step=last_step,
        center_step=center_step,
    )


def read_scan_parameters(
    header: xsd.ismrmrdHeader, encoding: CartesianEncoding, geometry: SliceGeometry | None
) -> ScanParameters:
    """Read the technical parameters of the scan, and nothing about the patient.

    Parameters
    ----------
    header
        The parsed header.
    encoding
        The encoding in use.
    geometry
        Where the slice lies, from the acquisitions.

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
        repetition_time_ms=_first_positive(getattr(sequence, "TR", ())),
        echo_time_ms=_first_positive(getattr(sequence, "TE", ())),
        inversion_time_ms=_first_positive(getattr(sequence, "TI", ())),
        flip_angle_deg=_first_positive(getattr(sequence, "flipAngle_deg", ())),
        field_strength_t=_optional_positive(getattr(system, "systemFieldStrength_T", None)),
        resonance_frequency_hz=_optional_positive(
            header.experimentalConditions.H1resonanceFrequency_Hz
        ),
        patient_position=position.value if isinstance(position, xsd.patientPositionType) else None,
        geometry=geometry,
    )


def _check_is_supported(encoding: xsd.encodingType) -> None:
    if encoding.trajectory is not xsd.trajectoryType.CARTESIAN:
        raise RawDataError(
            "The trajectory is not Cartesian; this reconstruction takes Cartesian data only."
        )
    if encoding.encodedSpace.matrixSize.z != 1:
        raise RawDataError("The measurement is 3D; this reconstruction takes one 2D slice.")
    factor = getattr(encoding.parallelImaging, "accelerationFactor", None)
    if factor is not None and factor.kspace_encoding_step_1 != 1:
        raise RawDataError(
            "The measurement is undersampled for parallel imaging; "
            "this reconstruction takes fully sampled data only."
        )


def _read_matrix(space: xsd.encodingSpaceType) -> tuple[int, int]:
    matrix = (space.matrixSize.y, space.matrixSize.x)
    if not all(isinstance(size, int) and 0 < size <= _MAX_MATRIX for size in matrix):
        raise RawDataError("The ISMRMRD header is invalid: a matrix size is out of range.")
    return matrix


def _read_field_of_view_mm(space: xsd.encodingSpaceType) -> tuple[float, float]:
    height_mm = _optional_positive(space.fieldOfView_mm.y)
    width_mm = _optional_positive(space.fieldOfView_mm.x)
    if height_mm is None or width_mm is None:
        raise RawDataError("The ISMRMRD header is invalid: a field of view is not positive.")
    return height_mm, width_mm


def _transform_size(encoded_fov_mm: float, fov_mm: float, n_pixels: int) -> int:
    """Return the number of pixels of the reconSpace's size in the encoded field of view."""
    size = round(encoded_fov_mm / fov_mm * n_pixels)
    if not n_pixels <= size <= _MAX_MATRIX:
        raise RawDataError(
            "The ISMRMRD header is inconsistent: "
            "the image's field of view is larger than the encoded one."
        )
    return size


def _read_limits(encoding: xsd.encodingType, n_lines: int) -> tuple[int, int, int]:
    limits = encoding.encodingLimits.kspace_encoding_step_1
    if limits is None:
        return 0, n_lines - 1, n_lines // 2
    first, last, center = limits.minimum, limits.maximum, limits.center
    if not all(isinstance(step, int) for step in (first, last, center)):
        raise RawDataError("The ISMRMRD header is invalid: an encoding limit is not a number.")
    offset = n_lines // 2 - center
    if not (first <= center <= last and 0 <= first + offset and last + offset < n_lines):
        raise RawDataError(
            "The ISMRMRD header is inconsistent: "
            "the phase-encoding limits do not fit the encoded matrix."
        )
    return first, last, center


def _first_positive(values: Sequence[Any]) -> float | None:
    return _optional_positive(values[0]) if values else None


def _optional_positive(value: Any) -> float | None:  # xsdata leaves bad values as text
    if isinstance(value, int | float) and math.isfinite(value) and value > 0:
        return float(value)
    return None
