"""Refuse the ISMRMRD measurements that this reconstruction has no method for."""

from __future__ import annotations

from typing import Any

import ismrmrd
import numpy as np
from ismrmrd import xsd
from numpy.typing import NDArray

from scanhub_reconstruction.model import NeedsEngineError, RawDataError

_MISSING_METHODS = {
    xsd.trajectoryType.EPI: "echo-planar (EPI); it needs a phase correction of its readouts",
    xsd.trajectoryType.RADIAL: "radial; it needs a gridding of its spokes",
    xsd.trajectoryType.GOLDENANGLE: "radial (golden angle); it needs a gridding of its spokes",
    xsd.trajectoryType.SPIRAL: "spiral; it needs a gridding of its interleaves",
}
UNIFORM_FIELDS = (
    "number_of_samples",
    "active_channels",
    "center_sample",
    "discard_pre",
    "discard_post",
    "encoding_space_ref",
)
_MAX_FACTOR = 64
# Lines that differ in these are averaged.
_AVERAGED_COUNTERS = ("average", "segment", *(f"user_{index}" for index in range(8)))


def check_is_uniform(heads: NDArray[np.void]) -> None:
    """Check that the acquisitions belong together.

    Parameters
    ----------
    heads
        Acquisition headers, shape (acquisitions,).

    Raises
    ------
    RawDataError
        If they differ in size or meaning.
    """
    if np.any(heads["flags"] & np.uint64(1 << (ismrmrd.ACQ_IS_REVERSE - 1))):
        raise RawDataError(
            "The measurement has reversed readouts (EPI); it needs a phase correction, "
            "which this reconstruction does not do."
        )
    for field in UNIFORM_FIELDS:
        if np.unique(heads[field]).size > 1:
            raise RawDataError(f"The acquisitions are inconsistent: their {field} differs.")
    if int(heads["active_channels"][0]) * int(heads["number_of_samples"][0]) == 0:
        raise RawDataError("The acquisitions hold no samples.")


def check_is_supported(
    header: xsd.ismrmrdHeader, encoding: xsd.encodingType, heads: NDArray[np.void]
) -> None:
    """Check that the measurement is Cartesian, and means what it averages.

    Parameters
    ----------
    header
        The parsed header.
    encoding
        The encoding in use.
    heads
        Acquisition headers, shape (acquisitions,).

    Raises
    ------
    RawDataError
        With what is missing for this measurement.
    """
    _check_trajectory(encoding, heads)
    dimension = getattr(header.sequenceParameters, "diffusionDimension", None)
    counter = getattr(dimension, "value", None)
    if counter in _AVERAGED_COUNTERS and _count_values(heads, counter) > 1:
        raise RawDataError(
            f"The measurement counts its diffusion weightings as {counter}; "
            "it needs to be told apart by that, which this reconstruction does not do."
        )


def read_acceleration(encoding: xsd.encodingType) -> tuple[Any, Any]:
    """Return the factors of acceleration along (ky, kz) as the header has them, 1 for none.

    Parameters
    ----------
    encoding
        The encoding in use.
    """
    factor = getattr(encoding.parallelImaging, "accelerationFactor", None)
    steps = ("kspace_encoding_step_1", "kspace_encoding_step_2")
    along_y, along_z = (getattr(factor, step, None) or 1 for step in steps)
    return along_y, along_z


def check_acceleration(factors: tuple[Any, Any], *, is_taken: bool) -> None:
    """Check that the measurement is fully sampled, or undersampled as it can be.

    Parameters
    ----------
    factors
        As the header has them.
    is_taken
        Whether an engine unfolds the image.

    Raises
    ------
    NeedsEngineError
        If it is undersampled, and there is none.
    RawDataError
        If the factors are none.
    """
    if factors != (1, 1) and not is_taken:
        raise NeedsEngineError(
            "The measurement is undersampled for parallel imaging; it needs GRAPPA or SENSE, "
            "which this reconstruction does not do."
        )
    if not all(isinstance(factor, int) and 1 <= factor <= _MAX_FACTOR for factor in factors):
        raise RawDataError(
            "The ISMRMRD header is invalid: an acceleration factor is no number from 1 to "
            f"{_MAX_FACTOR} (parallelImaging.accelerationFactor)."
        )


def _check_trajectory(encoding: xsd.encodingType, heads: NDArray[np.void]) -> None:
    trajectory = encoding.trajectory
    if trajectory is xsd.trajectoryType.CARTESIAN:
        return
    if trajectory is None and not np.any(heads["trajectory_dimensions"]):
        return
    if trajectory in _MISSING_METHODS:
        raise RawDataError(
            f"The trajectory is not Cartesian but {_MISSING_METHODS[trajectory]}, "
            "which this reconstruction does not do."
        )
    raise RawDataError(
        "The trajectory is not Cartesian, or the header does not say what it is (trajectory); "
        "this reconstruction takes Cartesian data only."
    )


def _count_values(heads: NDArray[np.void], counter: str) -> int:
    name, _, index = counter.partition("_")
    values = heads["idx"][name]
    return int(np.unique(values[:, int(index)] if index else values).size)
