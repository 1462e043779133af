"""Find the object and its surroundings in a magnitude image, from the image itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from scanhub_image_quality.measure import NotMeasurableError

Image = NDArray[np.float64]
Mask = NDArray[np.bool_]

# A box of so many pixels smooths noise and leaves objects.
_BOX = 5
# Bright enough to be of the object, dim enough not to be one bright pixel.
_BRIGHT_PERCENTILE = 99.0
_MIN_BACKGROUND = 0.02  # of the image
_MIN_CONTRAST = 2.0  # of the background's standard deviations
_MIN_RADIUS_PX = 10
_SIGNAL_AREA = 0.75  # of the object, by NEMA MS 1 and MS 3
# Boxes of white noise have a fifth of its standard deviation, of noise that was interpolated to
# twice the matrix two fifths; boxes of a slope or of structures have all of it.
_MAX_STRUCTURE = 0.7
_AROUND = np.ones((3, 3), np.bool_)

NO_OBJECT = (
    "No object can be told from a background: the image shows noise only, or the object fills the "
    "field of view."
)
TOO_SMALL = f"The object is smaller than a circle of {_MIN_RADIUS_PX} pixels radius."


@dataclass(frozen=True, slots=True)
class Regions:
    """Where the object is, and the rectangle around all that is bright.

    Parameters
    ----------
    signal
        The inner three quarters of the object, NEMA's measurement region.
    rows, columns
        First and one behind the last of the rectangle.
    """

    signal: Mask
    rows: tuple[int, int]
    columns: tuple[int, int]


def find_regions(image: Image) -> Regions:
    """Return the object and its surroundings.

    Parameters
    ----------
    image
        Magnitude, shape (rows, columns).

    Raises
    ------
    NotMeasurableError
        If there is no object, or it cannot be told from a background for certain.
    """
    if image.size == 0 or np.min(image) == np.max(image):
        raise NotMeasurableError("The image is empty: all of its pixels have the same value.")
    bright = _find_bright(smooth(image))
    object_mask = _find_largest(bright)
    _check_background(image, bright, object_mask)
    rows, columns = (np.flatnonzero(bright.any(axis=axis)) for axis in (1, 0))
    return Regions(
        _shrink(object_mask),
        (int(rows[0]), int(rows[-1]) + 1),
        (int(columns[0]), int(columns[-1]) + 1),
    )


def smooth(image: Image, size: int = _BOX) -> Image:
    """Return the means of the square of `size` (odd) pixels around each pixel."""
    smoothed: Image = ndimage.uniform_filter(image, size, mode="reflect")
    return smoothed


def is_noise(image: Image, region: Mask, max_structure: float = _MAX_STRUCTURE) -> bool:
    """Return whether pixels differ from each other only, and not from place to place.

    Parameters
    ----------
    image, region
        The pixels.
    max_structure
        How much of their standard deviation the means of boxes may have.
    """
    return float(smooth(image)[region].std()) <= max_structure * float(image[region].std())


def _find_bright(smoothed: Image) -> Mask:
    """Return what is above half of the object's height over the background."""
    bright = _fill(smoothed > np.percentile(smoothed, _BRIGHT_PERCENTILE) / 2)
    _check_size(bright)
    # A bright rim is no measure of what it encloses, so that the height is found once more.
    height = float(np.median(smoothed[bright])) + float(np.median(smoothed[~bright]))
    bright = _fill(smoothed > height / 2)
    _check_size(bright)
    return bright


def _check_size(bright: Mask) -> None:
    if not bright.any() or np.count_nonzero(~bright) < _MIN_BACKGROUND * bright.size:
        raise NotMeasurableError(NO_OBJECT)


def _fill(mask: Mask) -> Mask:
    """Return the mask without holes, and without specks of less than a hundredth of its largest."""
    dark, _ = ndimage.label(np.pad(~mask, 1, constant_values=True))
    filled = dark[1:-1, 1:-1] != dark[0, 0]
    labels, _ = ndimage.label(filled, _AROUND)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= max(int(np.max(sizes)) / 100, 1.0))[labels])


def _find_largest(bright: Mask) -> Mask:
    labels, _ = ndimage.label(bright, _AROUND)
    return np.asarray(labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]))


def _check_background(image: Image, bright: Mask, object_mask: Mask) -> None:
    """Check that what is dark is no part of the object that is further from the coil."""
    background = ~ndimage.binary_dilation(bright, _AROUND, iterations=_BOX // 2 + 1)
    if np.count_nonzero(background) < _MIN_BACKGROUND * bright.size:
        raise NotMeasurableError(NO_OBJECT)
    dark = image[background]
    if np.median(image[object_mask]) <= dark.mean() + _MIN_CONTRAST * dark.std():
        raise NotMeasurableError(NO_OBJECT)
    edges = (object_mask[0], object_mask[-1], object_mask[:, 0], object_mask[:, -1])
    if any(edge.any() for edge in edges) and not is_noise(image, background):
        raise NotMeasurableError(NO_OBJECT)


def _shrink(object_mask: Mask) -> Mask:
    """Return the object without its rim, so that three quarters of its area are left."""
    depth = ndimage.distance_transform_edt(np.pad(object_mask, 1))[1:-1, 1:-1]
    if depth.max() < _MIN_RADIUS_PX:
        raise NotMeasurableError(TOO_SMALL)
    return np.asarray(depth >= np.quantile(depth[object_mask], 1 - _SIGNAL_AREA))
