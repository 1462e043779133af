"""The matrices and fields of view of an ISMRMRD header, and the transform between them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ismrmrd import xsd

from scanhub_reconstruction.model import MAX_SAMPLES, RawDataError
from scanhub_reconstruction.values import optional_positive

_MAX_MATRIX = 65535  # ISMRMRD's counters are 16 bit
_MAX_INTERPOLATION = 4  # per direction; scanners zero-fill by 2, rarely by 4
# From microscopy to the largest bore; metres and micrometres for millimetres are outside.
_PIXEL_MM, _FIELD_OF_VIEW_MM = (0.01, 50.0), (1.0, 5000.0)


@dataclass(frozen=True, slots=True)
class Space:
    """Matrix and field of view, each along (z, y, x).

    Parameters
    ----------
    shape
        Numbers of partitions, rows and columns.
    fov_mm
        In mm; None where it is missing or not positive.
    """

    shape: tuple[int, int, int]
    fov_mm: tuple[float | None, float | None, float | None]


def read_space(encoding: xsd.encodingType, name: str) -> Space:
    """Read the `encodedSpace` or the `reconSpace`.

    Raises
    ------
    RawDataError
        If a matrix size is no number.
    """
    space = getattr(encoding, name)
    shape = tuple(_read_size(space, name, axis) for axis in "zyx")
    lengths = getattr(space, "fieldOfView_mm", None)
    fov_mm = tuple(optional_positive(getattr(lengths, axis, None)) for axis in "zyx")
    return Space((shape[0], shape[1], shape[2]), (fov_mm[0], fov_mm[1], fov_mm[2]))


def _read_size(space: xsd.encodingSpaceType, name: str, axis: str) -> int:
    size = getattr(getattr(space, "matrixSize", None), axis, None)
    if not (isinstance(size, int) and 0 < size <= _MAX_MATRIX):
        raise RawDataError(
            "The ISMRMRD header is invalid: "
            f"a matrix size is out of range or missing ({name}.matrixSize.{axis})."
        )
    return size


def find_transform_shape(encoded: Space, recon: Space) -> tuple[int, int, int]:
    """Return (partitions, rows, columns) that give the reconSpace's voxels.

    Raises
    ------
    RawDataError
        If the spaces contradict each other, or no scanner has such sizes.
    """
    if encoded.shape[1] == 1 or min(recon.shape[1:]) == 1:
        raise RawDataError("The ISMRMRD header describes an image of a single line.")
    sizes = [
        1
        if encoded.shape[i] == 1
        else _find_transform_size(encoded.fov_mm[i], recon.fov_mm[i], recon.shape[i], axis)
        for i, axis in enumerate("zyx")
    ]
    for size, n_encoded in zip(sizes, encoded.shape, strict=True):
        if size > _MAX_INTERPOLATION * n_encoded:
            raise RawDataError(
                "The ISMRMRD header is inconsistent: the image is more than "
                f"{_MAX_INTERPOLATION} times as fine as the encoded matrix."
            )
    if max(math.prod(encoded.shape), math.prod(sizes)) > MAX_SAMPLES:
        raise RawDataError("The matrix is too large for this reconstruction.")
    if any(1 < n >= 2 * size for size, n in zip(sizes, encoded.shape, strict=True)):
        raise RawDataError(
            "The ISMRMRD header is inconsistent: the image is no more than half as fine as the "
            "encoded matrix."
        )
    return sizes[0], sizes[1], sizes[2]


def _find_transform_size(
    encoded_fov_mm: float | None, fov_mm: float | None, n_pixels: int, axis: str
) -> int:
    """Return the number of pixels of the reconSpace's size in the encoded field of view."""
    if encoded_fov_mm is None or fov_mm is None:
        raise RawDataError(
            "The ISMRMRD header is invalid: "
            f"a field of view is not positive or missing (fieldOfView_mm.{axis})."
        )
    size = round(encoded_fov_mm / fov_mm * n_pixels)
    if not n_pixels <= size <= _MAX_MATRIX:
        raise RawDataError(
            "The ISMRMRD header is inconsistent: "
            f"the image's field of view is larger than the encoded one ({axis})."
        )
    pixel_mm = encoded_fov_mm / size
    is_plausible = axis == "z" or _FIELD_OF_VIEW_MM[0] <= encoded_fov_mm <= _FIELD_OF_VIEW_MM[1]
    if not (is_plausible and _PIXEL_MM[0] <= pixel_mm <= _PIXEL_MM[1]):
        raise RawDataError(
            "The ISMRMRD header is invalid: "
            f"a field of view is implausible in millimetres (fieldOfView_mm.{axis})."
        )
    return size


def find_voxel_mm(
    encoded: Space, transform_shape: tuple[int, int, int]
) -> tuple[float | None, float, float]:
    """Return the size of a voxel (z, y, x) by the encoded field of view, in mm."""
    depth_mm, height_mm, width_mm = encoded.fov_mm
    n_partitions, n_rows, n_columns = transform_shape
    return (
        depth_mm and depth_mm / n_partitions,
        (height_mm or 0.0) / n_rows,
        (width_mm or 0.0) / n_columns,
    )
