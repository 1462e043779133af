"""Which phase-encoding steps a measurement has, by its header and by its counters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ismrmrd import xsd
from numpy.typing import NDArray

from scanhub_reconstruction.model import RawDataError


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

    def place(self, n_lines: int) -> slice:
        """Return where the range lies in a matrix that has k = 0 in its middle."""
        start = self.first - self.center + n_lines // 2
        return slice(start, start + self.n_steps)


@dataclass(frozen=True, slots=True)
class Counters:
    """What the acquisitions count, each value once and sorted.

    Parameters
    ----------
    rows, partitions
        Values of kspace_encode_step_1 and kspace_encode_step_2.
    n_slices
        How many slices there are.
    """

    rows: NDArray[np.uint16]
    partitions: NDArray[np.uint16]
    n_slices: int

    @classmethod
    def of(cls, heads: NDArray[np.void]) -> Counters:
        """Return those of these acquisition headers."""
        index = heads["idx"]
        return cls(
            np.unique(index["kspace_encode_step_1"]),
            np.unique(index["kspace_encode_step_2"]),
            int(np.unique(index["slice"]).size),
        )


def is_2d(encoding: xsd.encodingType, n_partitions: int, counters: Counters) -> bool:
    """Return whether slices were encoded, whatever matrix size the header gives along z.

    One partition of a scan that was broken off looks the same. So the header's z has to be the
    number of slices, or its limits, or several slices, have to say that no more was meant.

    Parameters
    ----------
    encoding
        The header's encoding.
    n_partitions
        The encoded matrix along z.
    counters
        What the acquisitions count.

    Returns
    -------
    bool
        False for 3D, complete or not.

    Raises
    ------
    RawDataError
        If the acquisitions count partitions that the header does not have.
    """
    if n_partitions == 1 and counters.partitions.size > 1:
        raise RawDataError(
            f"The measurement holds {counters.partitions.size} partitions (3D), "
            "but its header describes 2D."
        )
    if n_partitions == 1 or counters.partitions.size > 1:
        return n_partitions == 1
    limits = getattr(encoding.encodingLimits, "kspace_encoding_step_2", None)
    if limits is not None:
        return limits.minimum == limits.maximum or counters.n_slices == n_partitions
    return counters.n_slices > 1 or n_partitions == 2


def read_limits(
    encoding: xsd.encodingType, step: str, n_lines: int, values: NDArray[np.uint16]
) -> tuple[StepLimits, tuple[str, ...]]:
    """Read the range of one phase-encoding counter.

    Parameters
    ----------
    encoding
        The header's encoding.
    step
        `kspace_encoding_step_1` or `kspace_encoding_step_2`.
    n_lines
        The encoded matrix along this direction.
    values
        What the acquisitions count.

    Returns
    -------
    tuple[StepLimits, tuple[str, ...]]
        The range, and a sentence if it is the counters' own.

    Raises
    ------
    RawDataError
        If the limits are no numbers, or do not fit.
    """
    limits = getattr(encoding.encodingLimits, step, None)
    every_line = StepLimits(0, n_lines - 1, n_lines // 2)
    if limits is None or (n_lines == 1 and values.size == 1):
        return every_line, ()
    first, last, center = limits.minimum, limits.maximum, limits.center
    if not all(isinstance(value, int) for value in (first, last, center)):
        raise RawDataError(
            f"The ISMRMRD header is invalid: an encoding limit is not a number ({step})."
        )
    if first == last and values.size > 1:
        is_complete = np.array_equal(values, np.arange(n_lines))
        if not is_complete or center not in (first, n_lines // 2):
            raise RawDataError(
                f"The ISMRMRD header is inconsistent: the limits of {step} name a single step, "
                f"and the acquisitions count {values.size} of {n_lines}."
            )
        return every_line, (f"The header's limits of {step} name a single step.",)
    offset = n_lines // 2 - center
    if not (first <= center <= last and 0 <= first + offset and last + offset < n_lines):
        raise RawDataError(
            "The ISMRMRD header is inconsistent: "
            f"the phase-encoding limits do not fit the encoded matrix ({step})."
        )
    return StepLimits(first, last, center), ()
