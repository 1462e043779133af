"""The background beside an object: where ghosts are looked for, and where nothing but noise is."""

from __future__ import annotations

from typing import Literal

import numpy as np

from scanhub_image_quality.measure import NotMeasurableError
from scanhub_image_quality.regions import Mask, Regions

# Along which direction of the image phases are encoded (DICOM PS3.3 C.8.3.1).
PhaseEncodingDirection = Literal["ROW", "COL"]
_MARGIN = 0.01  # of the matrix; filters of the scanner and edges of the object are not measured
_MIN_MARGIN_PX = 2
_MIN_STRIP_PX = 3
_MIN_NOISE_PX = 400  # the standard deviation of so many is known to 4 %

_NO_ROOM = "The object leaves too little room to the {side} edge of the image."
_NO_NOISE = "The object leaves too little background that is free of its ghosts."


def find_strips(regions: Regions, shape: tuple[int, int]) -> dict[str, tuple[slice, slice]]:
    """Return the four rectangles between the object and the edges of the image.

    Parameters
    ----------
    regions
        The object.
    shape
        (rows, columns) of the image.

    Returns
    -------
    dict
        top, bottom, left, right: each as wide as the object.

    Raises
    ------
    NotMeasurableError
        If the object lies too near to an edge.
    """
    (above, below), (before, behind) = _split(regions, shape)
    rows, columns = slice(*regions.rows), slice(*regions.columns)
    strips = {
        "top": (above, columns),
        "bottom": (below, columns),
        "left": (rows, before),
        "right": (rows, behind),
    }
    for side, part in (("top", above), ("bottom", below), ("left", before), ("right", behind)):
        if part.stop - part.start < _MIN_STRIP_PX:
            raise NotMeasurableError(_NO_ROOM.format(side=side))
    return strips


def find_noise(
    regions: Regions, shape: tuple[int, int], phase_direction: PhaseEncodingDirection | None
) -> list[Mask]:
    """Return the parts of the background that ghosts of the object do not reach, the best first.

    That are the corners, which rings at the object's edges do not reach either, then what lies
    beside the object along the direction in which no phases are encoded.

    Parameters
    ----------
    regions
        The object.
    shape
        (rows, columns) of the image.
    phase_direction
        None: not known.

    Raises
    ------
    NotMeasurableError
        If all have too few pixels.
    """
    rows, columns = (np.zeros(size, np.bool_) for size in shape)
    for is_beside, parts in zip((rows, columns), _split(regions, shape), strict=True):
        for part in parts:
            is_beside[part] = True
    beside = {
        "COL": (_span(regions.rows, shape[0]), columns),
        "ROW": (rows, _span(regions.columns, shape[1])),
    }
    pairs = [(rows, columns), *([beside[phase_direction]] if phase_direction else [])]
    candidates = [np.logical_and.outer(*pair) for pair in pairs]
    large = [each for each in candidates if np.count_nonzero(each) >= _MIN_NOISE_PX]
    if not large:
        raise NotMeasurableError(_NO_NOISE)
    return large


def _span(extent: tuple[int, int], size: int) -> Mask:
    """Return which of the rows or columns are the object's, without margins of the image."""
    margin = _find_margin(size)
    places = np.arange(size)
    first, end = max(extent[0], margin), min(extent[1], size - margin)
    return (places >= first) & (places < end)


def _split(regions: Regions, shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Return what lies before and behind the object along rows and columns, without margins."""
    return [
        (
            slice(margin, max(first - margin, margin)),
            slice(min(end + margin, size - margin), size - margin),
        )
        for (first, end), size in zip((regions.rows, regions.columns), shape, strict=True)
        for margin in (_find_margin(size),)
    ]


def _find_margin(size: int) -> int:
    return max(_MIN_MARGIN_PX, int(_MARGIN * size))
