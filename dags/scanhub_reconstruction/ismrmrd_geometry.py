"""Find where each volume of an ISMRMRD file lies in the patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanhub_reconstruction.ismrmrd_header import CartesianEncoding
from scanhub_reconstruction.ismrmrd_layout import Layout
from scanhub_reconstruction.model import RawDataError, SliceGeometry

_MAX_DISTANCE_MM = 1e6  # from the scanner's isocentre
_THICKNESS_MM = (0.01, 1000.0)  # projections through the body are thick slices too
_ALL_SLICES = "The header's slice thickness is that of all slices together."
_SAME_PLACE_MM, _SAME_DIRECTION = 0.01, 1e-3
_PLACES = (
    ("position", _SAME_PLACE_MM),
    ("read_dir", _SAME_DIRECTION),
    ("phase_dir", _SAME_DIRECTION),
    ("slice_dir", _SAME_DIRECTION),
)


def read_geometries(
    heads: NDArray[np.void], layout: Layout, encoding: CartesianEncoding
) -> list[SliceGeometry | None]:
    """Read where each volume lies.

    Parameters
    ----------
    heads
        Acquisition headers, shape (acquisitions,).
    layout
        Their places.
    encoding
        Their encoding.

    Returns
    -------
    list[SliceGeometry | None]
        By volume. All None when one has no directions or two slices claim the same plane.

    Raises
    ------
    RawDataError
        If the lines of one volume lie at different places.
    """
    _, first_acquisitions, volumes = np.unique(
        layout.lines[0], return_index=True, return_inverse=True
    )
    _check_places_agree(heads, first_acquisitions[volumes])
    geometries = [_read_geometry(heads[i], encoding.is_3d) for i in first_acquisitions]
    planes = {_find_plane(geometry) for geometry in geometries[: layout.n_slices] if geometry}
    if None in geometries or len(planes) < layout.n_slices:
        return [None] * len(geometries)
    return geometries


def _check_places_agree(heads: NDArray[np.void], first_acquisitions: NDArray[np.intp]) -> None:
    """Check each acquisition against the first one of its volume.

    Slices that their counter does not tell apart would be averaged.
    """
    for name, tolerance in _PLACES:
        vectors = heads[name].astype(np.float64)
        with np.errstate(
            invalid="ignore", over="ignore"
        ):  # places that are no numbers are no place
            is_elsewhere = np.abs(vectors - vectors[first_acquisitions]) > tolerance
        if np.any(is_elsewhere):
            raise RawDataError(
                f"The acquisitions are inconsistent: their {name} differs within one slice."
            )


def _find_plane(geometry: SliceGeometry) -> tuple[object, ...]:
    """Return what two slices at one place share: three planes through one centre do not."""
    normal = np.cross(geometry.read_dir, geometry.phase_dir)
    normal *= np.sign(normal[np.argmax(np.abs(normal))])
    return *np.round(geometry.center_mm, 2).tolist(), *(np.round(normal, 2) + 0.0).tolist()


def measure_slice_spacing_mm(geometries: list[SliceGeometry | None]) -> float | None:
    """Return the distance between neighbouring slices of a stack.

    Parameters
    ----------
    geometries
        One per slice, in order.

    Returns
    -------
    float | None
        In mm; None unless the slices are parallel and evenly spaced.
    """
    known = [geometry for geometry in geometries if geometry is not None]
    if len(known) < 2 or len(known) < len(geometries):
        return None
    directions = np.array([(geometry.read_dir, geometry.phase_dir) for geometry in known])
    centers_mm = np.array([geometry.center_mm for geometry in known])
    steps_mm = np.diff(centers_mm, axis=0) @ np.cross(*directions[0])
    is_stack = np.allclose(directions, directions[0], atol=1e-3) and np.allclose(
        steps_mm, steps_mm[0], rtol=1e-3, atol=1e-3
    )
    spacing_mm = float(abs(np.mean(steps_mm)))
    return spacing_mm if is_stack and spacing_mm > 0 else None


def read_slice_thickness_mm(
    encoding: CartesianEncoding, n_slices: int, spacing_mm: float | None
) -> tuple[float | None, tuple[str, ...]]:
    """Read how thick a slice or partition is, by what was encoded.

    Parameters
    ----------
    encoding
        The encoding.
    n_slices
        How many slices there are.
    spacing_mm
        Distance between neighbouring slices in mm; None where it is unknown.

    Returns
    -------
    tuple[float | None, tuple[str, ...]]
        In mm, None where the header does not tell; and a sentence where it is not what the header
        has.
    """
    depth_mm, n_partitions = encoding.depth_mm, encoding.n_header_partitions
    if depth_mm is None or encoding.is_3d:
        return depth_mm, ()
    if not _THICKNESS_MM[0] <= depth_mm <= _THICKNESS_MM[1]:
        return None, ("The header's slice thickness is not plausible in millimetres.",)
    spans_stack = spacing_mm is not None and n_slices > 1 and depth_mm > 1.01 * spacing_mm
    if n_partitions > 1:
        if n_slices == n_partitions and (spans_stack or spacing_mm is None):
            return depth_mm / n_partitions, (_ALL_SLICES,)
        return None, ("The header does not tell how thick one slice is.",)
    if not spans_stack or spacing_mm is None:
        return depth_mm, ()
    # The field of view of a stack: its outer slices are half a thickness beyond their centres.
    thickness_mm = depth_mm - (n_slices - 1) * spacing_mm
    if not 0 < thickness_mm <= 1.01 * spacing_mm:
        return depth_mm, ()
    if n_slices == 2:  # or slices that overlap
        return None, ("The header does not tell how thick one slice is.",)
    return thickness_mm, (_ALL_SLICES,)


def _read_geometry(head: np.void, is_3d: bool) -> SliceGeometry | None:
    """Return a volume's position; None unless the directions that matter are orthonormal."""
    position, *directions = (
        head[name].astype(np.float64) for name in ("position", "read_dir", "phase_dir", "slice_dir")
    )
    # NaN is not below any distance either.
    if not (np.abs(position) < _MAX_DISTANCE_MM).all():
        return None
    if not _are_orthonormal(directions[: 3 if is_3d else 2]):
        return None
    return SliceGeometry(
        _to_triple(position),
        _to_triple(directions[0]),
        _to_triple(directions[1]),
        _to_triple(directions[2]) if _are_orthonormal(directions) else None,
    )


def _are_orthonormal(vectors: list[NDArray[np.float64]]) -> bool:
    stacked = np.stack(vectors)
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and Inf are not orthonormal
        products = stacked @ stacked.T
    return bool(np.allclose(products, np.eye(len(vectors)), atol=1e-3))


def _to_triple(vector: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = vector.tolist()
    return x, y, z
