"""Write the ISMRMRD header of a prepared measurement, without a word about the patient."""

from __future__ import annotations

from typing import Any

import numpy as np
from ismrmrd import xsd
from numpy.typing import NDArray

from scanhub_reconstruction.model import RawData, ScanParameters

_HYDROGEN_HZ_PER_T = 42.577478518e6
_UNKNOWN_DEPTH_MM = 1.0


def build_header(raw: RawData, lines: NDArray[np.bool_]) -> str:
    """Return the XML header: one Cartesian encoding, and how the scan was made.

    The vendor is left out, because engines turn the images of some, which is done already.

    Parameters
    ----------
    raw
        The prepared measurement.
    lines
        Which lines were measured, shape (volumes, kz, ky).

    Returns
    -------
    str
        The document.
    """
    scan = raw.scan
    frequency_hz, field_t = scan and scan.resonance_frequency_hz, scan and scan.field_strength_t
    header = xsd.ismrmrdHeader(
        acquisitionSystemInformation=xsd.acquisitionSystemInformationType(
            systemFieldStrength_T=field_t, receiverChannels=raw.n_coils
        ),
        experimentalConditions=xsd.experimentalConditionsType(
            H1resonanceFrequency_Hz=round(frequency_hz or _HYDROGEN_HZ_PER_T * (field_t or 0.0))
        ),
        encoding=[_build_encoding(raw, lines)],
        sequenceParameters=_build_parameters(raw, scan) if scan else None,
    )
    return str(xsd.ToXML(header))


def find_field_of_view_mm(raw: RawData) -> tuple[float, float, float]:
    """Return the size of the image along (z, y, x) in mm; z of slices is their thickness.

    Parameters
    ----------
    raw
        The prepared measurement; without a scan, pixels have a millimetre.
    """
    n_partitions, n_rows, n_columns = raw.image_shape
    if raw.scan is None:
        return float(n_partitions), float(n_rows), float(n_columns)
    thickness_mm = raw.scan.slice_thickness_mm or _UNKNOWN_DEPTH_MM
    return thickness_mm * n_partitions, *raw.scan.field_of_view_mm


def _build_encoding(raw: RawData, lines: NDArray[np.bool_]) -> xsd.encodingType:
    image_mm = find_field_of_view_mm(raw)
    encoded_mm = [
        size_mm * n_transform / n_image
        for size_mm, n_transform, n_image in zip(
            image_mm, raw.transform_shape, raw.image_shape, strict=True
        )
    ]
    return xsd.encodingType(
        encodedSpace=_build_space(raw.kspace.shape[2:], encoded_mm),
        reconSpace=_build_space(raw.image_shape, image_mm),
        encodingLimits=_build_limits(raw, lines),
        trajectory=xsd.trajectoryType.CARTESIAN,
        parallelImaging=_build_parallel_imaging(raw),
        echoTrainLength=raw.description.echo_train_length,
    )


def _build_space(shape: Any, size_mm: Any) -> xsd.encodingSpaceType:
    matrix = dict(zip("zyx", map(int, shape), strict=True))
    lengths = dict(zip("zyx", map(float, size_mm), strict=True))
    return xsd.encodingSpaceType(
        matrixSize=xsd.matrixSizeType(**matrix), fieldOfView_mm=xsd.fieldOfViewMm(**lengths)
    )


def _build_limits(raw: RawData, lines: NDArray[np.bool_]) -> xsd.encodingLimitsType:
    """Return the ranges of the counters; k = 0 is at the middle of the matrix."""

    def span(is_there: NDArray[np.bool_]) -> xsd.limitType:
        first, last = np.flatnonzero(is_there)[[0, -1]].tolist()
        return xsd.limitType(minimum=first, maximum=last, center=is_there.size // 2)

    def count(numbers: Any) -> xsd.limitType:
        return xsd.limitType(minimum=0, maximum=max(numbers), center=0)

    volumes = raw.volumes
    return xsd.encodingLimitsType(
        kspace_encoding_step_1=span(lines.any(axis=(0, 1))),
        kspace_encoding_step_2=span(lines.any(axis=(0, 2))),
        slice=count(volume.slice_index for volume in volumes),
        contrast=count(volume.contrast for volume in volumes),
        phase=count(volume.phase for volume in volumes),
        repetition=count(volume.repetition for volume in volumes),
        set=count(volume.set_index for volume in volumes),
    )


def _build_parallel_imaging(raw: RawData) -> xsd.parallelImagingType | None:
    if raw.parallel is None:
        return None
    along_y, along_z = raw.parallel.factors
    mode = raw.parallel.calibration_mode
    return xsd.parallelImagingType(
        accelerationFactor=xsd.accelerationFactorType(
            kspace_encoding_step_1=along_y, kspace_encoding_step_2=along_z
        ),
        calibrationMode=xsd.calibrationModeType(mode) if mode else None,
    )


def _build_parameters(raw: RawData, scan: ScanParameters) -> xsd.sequenceParametersType:
    echo_times_ms = {volume.contrast: volume.echo_time_ms for volume in raw.volumes}
    is_known = None not in echo_times_ms.values()

    def list_known(value: float | None) -> list[float]:
        return [] if value is None else [value]

    return xsd.sequenceParametersType(
        TR=list_known(scan.repetition_time_ms),
        TE=[te for _, te in sorted(echo_times_ms.items()) if te is not None] if is_known else [],
        TI=list_known(scan.inversion_time_ms),
        flipAngle_deg=list_known(scan.flip_angle_deg),
    )
