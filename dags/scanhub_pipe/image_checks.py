"""Compare the header of an engine's image with the measurement that it is to be of."""

from __future__ import annotations

from typing import Any

import numpy as np

from scanhub_pipe.errors import EngineError
from scanhub_pipe.header import find_field_of_view_mm
from scanhub_pipe.stream import place, read_counters
from scanhub_reconstruction.model import RawData, Volume

# ISMRMRD's data types.
_DTYPES = {1: "<u2", 2: "<i2", 3: "<u4", 4: "<i4", 5: "<f4", 6: "<f8"}
_COMPLEX_TYPES = (7, 8)
# Not set, magnitude, real part.
_IMAGE_TYPES = (0, 1, 3)
_FIELD_OF_VIEW_SHARE = 1e-3
_PLACES = (("position", 0.01), ("read_dir", 1e-3), ("phase_dir", 1e-3), ("slice_dir", 1e-3))


class _Place:
    """Where an image is to lie, as its header would have it."""

    def __init__(self) -> None:
        self.position, self.read_dir, self.phase_dir, self.slice_dir = (
            np.zeros(3) for _ in range(4)
        )


def find_dtype(head: Any) -> np.dtype[Any]:
    """Return the type of the pixels.

    Parameters
    ----------
    head
        ISMRMRD's image header.

    Raises
    ------
    EngineError
        If they are no real numbers.
    """
    if head.data_type in _COMPLEX_TYPES:
        raise EngineError(
            "The reconstruction engine sent complex images; they are to be magnitudes."
        )
    if head.data_type not in _DTYPES:
        raise EngineError(
            f"The reconstruction engine sent an image of an unknown data type ({head.data_type})."
        )
    return np.dtype(_DTYPES[head.data_type])


def find_volume(head: Any, raw: RawData) -> int:
    """Return which volume of the measurement the image is of, by its counters.

    Parameters
    ----------
    head
        ISMRMRD's image header.
    raw
        The measurement.

    Raises
    ------
    EngineError
        If it is of none.
    """
    for index, volume in enumerate(raw.volumes):
        if all(getattr(head, name) == n for name, n in read_counters(volume).items()):
            return index
    raise EngineError(
        "The reconstruction engine sent an image of a slice, contrast, phase, set or repetition "
        "that the measurement does not have."
    )


def check_header(head: Any, raw: RawData, volume: Volume) -> None:
    """Check that the image has the measurement's matrix, and lies where it lies.

    Parameters
    ----------
    head
        ISMRMRD's image header.
    raw, volume
        What it is of.

    Raises
    ------
    EngineError
        If not; or if it is not one channel of magnitudes.
    """
    if head.channels != 1:
        raise EngineError(
            f"The reconstruction engine sent an image of {head.channels} channels; the coils are "
            "to be combined."
        )
    if head.image_type not in _IMAGE_TYPES:
        raise EngineError(
            "The reconstruction engine sent images of another kind than magnitudes "
            f"(image_type {head.image_type})."
        )
    matrix, wanted = tuple(head.matrix_size), raw.image_shape[::-1]
    if matrix != wanted:
        raise EngineError(
            f"The reconstruction engine sent an image of {_format(matrix)} pixels; the header "
            f"asks for {_format(wanted)}."
        )
    _check_place(head, raw, volume)


def _format(matrix: tuple[int, ...]) -> str:
    return " by ".join(str(size) for size in matrix)


def _check_place(head: Any, raw: RawData, volume: Volume) -> None:
    wanted_mm = np.array(find_field_of_view_mm(raw)[::-1])
    n_axes = 3 if raw.image_shape[0] > 1 else 2  # the depth of a slice may be unknown
    is_of_size = np.abs(np.array(head.field_of_view) / wanted_mm - 1) <= _FIELD_OF_VIEW_SHARE
    if not is_of_size[:n_axes].all():
        raise _refuse("field_of_view")
    if volume.geometry is None:
        return
    wanted = _Place()
    place(wanted, volume.geometry)
    for name, tolerance in _PLACES:
        distance = np.abs(np.array(getattr(head, name)) - getattr(wanted, name))
        if not (distance <= tolerance).all():  # NaN is no place either
            raise _refuse(name)


def _refuse(name: str) -> EngineError:
    return EngineError(
        "The reconstruction engine sent an image that lies elsewhere than the measurement "
        f"({name})."
    )
