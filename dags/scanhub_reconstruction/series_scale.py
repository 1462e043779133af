"""One scale and one window for all images of a series, so that their grey values compare."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanhub_reconstruction.preview import find_display_window

MAX_STORED_VALUE = 2**16 - 1
# The brightest grey value in the unit that is shown lies from 10^2 to 10^8. The step is so wide
# that the series of one scanner have the same unit, and DICOM allows no window narrower than 1.
_LEAST_DIGITS, _UNIT_DIGITS = 2, 6


@dataclass(frozen=True, slots=True)
class SeriesScale:
    """How the magnitudes of a series become stored values, and which of them are shown.

    Parameters
    ----------
    peak
        The largest magnitude of the series, in the units of k-space.
    window
        Magnitudes shown as black and as white; None when all images are zero.
    """

    peak: float = 0.0
    window: tuple[float, float] | None = None

    def include(self, image: NDArray[np.float32]) -> SeriesScale:
        """Return the scale of the series with one more image.

        Parameters
        ----------
        image
            Magnitude, shape (rows, columns).

        Returns
        -------
        SeriesScale
            The window shows the darkest and the brightest image without clipping.
        """
        peak = float(np.max(image))
        if peak <= 0:
            return self
        lower, upper = find_display_window(image)
        if self.window is not None:
            lower, upper = min(lower, self.window[0]), max(upper, self.window[1])
        return SeriesScale(max(peak, self.peak), (lower, upper))

    @property
    def slope(self) -> float:
        """Magnitude in the units of k-space per stored value."""
        return (self.peak or 1.0) / MAX_STORED_VALUE

    @property
    def unit(self) -> float:
        """The power of a million that is one in the rescaled values, in the units of k-space."""
        digits = math.log10(self.peak) if self.peak else 0.0
        return 10.0 ** (_UNIT_DIGITS * math.floor((digits - _LEAST_DIGITS) / _UNIT_DIGITS))

    def to_stored(self, image: NDArray[np.float32]) -> NDArray[np.uint16]:
        """Return the stored values of an image.

        Parameters
        ----------
        image
            Magnitude, shape (rows, columns), not above the peak.

        Returns
        -------
        NDArray[np.uint16]
            0 for 0, 65535 for the peak of the series.
        """
        return np.round(image.astype(np.float64) / self.slope).astype(np.uint16)
