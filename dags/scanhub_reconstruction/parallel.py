"""How k-space is undersampled for parallel imaging."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ParallelImaging:
    """How k-space is undersampled, and the lines that tell the coils' sensitivities.

    Parameters
    ----------
    factors
        Of acceleration along (ky, kz).
    calibration_mode
        ISMRMRD's term for how the reference lines were acquired; None when unknown.
    reference
        The reference lines, shape (volumes, coils, kz, ky, kx), not empty; zeros where there is
        none. None when no line is marked as one.
    start
        Where its kz and ky lie in k-space.
    counters
        Which volume each one belongs to: (repetition, set, phase, contrast, slice).
    """

    factors: tuple[int, int]
    calibration_mode: str | None = None
    reference: NDArray[np.complex64] | None = None
    start: tuple[int, int] = (0, 0)
    counters: tuple[tuple[int, ...], ...] = ()
