"""Draw the 8-bit preview of a magnitude image."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Noise below and a few bright pixels above do not decide the contrast.
_WINDOW_PERCENTILES = (1.0, 99.5)


def find_display_window(image: NDArray[np.float32]) -> tuple[float, float]:
    """Return the grey values shown as black and as white.

    Parameters
    ----------
    image
        Magnitude, shape (rows, columns).

    Returns
    -------
    tuple[float, float]
        (lower, upper) with lower < upper.
    """
    lower, upper = np.percentile(image, _WINDOW_PERCENTILES).tolist()
    if lower >= upper:  # almost all pixels are equal: show the whole range
        lower, upper = 0.0, float(np.max(image)) or 1.0
    return lower, upper


def draw_preview(image: NDArray[np.float32]) -> bytes:
    """Return the image as a grey PNG.

    Parameters
    ----------
    image
        Magnitude, shape (rows, columns).

    Returns
    -------
    bytes
        PNG, 8 bit, of the same matrix.
    """
    lower, upper = find_display_window(image)
    grey = np.clip((image - lower) / (upper - lower), 0.0, 1.0) * 255.0
    buffer = io.BytesIO()
    Image.fromarray(np.round(grey).astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()
