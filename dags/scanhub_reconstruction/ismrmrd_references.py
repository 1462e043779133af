"""Find the lines of an ISMRMRD file that tell the coils' sensitivities."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scanhub_reconstruction.ismrmrd_groups import Measurement
from scanhub_reconstruction.ismrmrd_header import CartesianEncoding
from scanhub_reconstruction.ismrmrd_layout import (
    VOLUME_COUNTERS,
    Layout,
    lay_out,
    list_volume_indices,
)
from scanhub_reconstruction.ismrmrd_support import UNIFORM_FIELDS
from scanhub_reconstruction.model import RawDataError

_LINE_COUNTERS = ("kspace_encode_step_1", "kspace_encode_step_2")


@dataclass(frozen=True, slots=True)
class References:
    """The reference lines of an accelerated measurement.

    Parameters
    ----------
    numbers
        Of their acquisitions; some may be lines of the image too.
    layout
        Their place in the part of k-space that they fill.
    start
        Where kz and ky of that part lie in k-space.
    counters
        Which of the image's volumes each one belongs to.
    is_beside
        Whether lines of the image were acquired once more, as a scan of its own does.
    """

    numbers: NDArray[np.int64]
    layout: Layout
    start: tuple[int, int]
    counters: tuple[tuple[int, ...], ...]
    is_beside: bool


def find_references(
    measurement: Measurement, encoding: CartesianEncoding, image: Layout
) -> References | None:
    """Find the reference lines, on the grid of the image's lines.

    Parameters
    ----------
    measurement
        The group of the file.
    encoding, image
        Encoding and layout of the lines of the image.

    Returns
    -------
    References | None
        None where the measurement is not accelerated, or no line is marked as a reference.

    Raises
    ------
    RawDataError
        If they have another size, or lie outside of the encoded matrix.
    """
    numbers = measurement.references
    if encoding.acceleration == (1, 1) or numbers.size == 0:
        return None
    heads = measurement.heads[numbers]
    imaging = measurement.heads[measurement.imaging[:1]]
    for field in UNIFORM_FIELDS:
        if np.any(heads[field] != imaging[field]):
            raise RawDataError(
                f"The reference lines have another {field} than the lines of the image; "
                "such a separate scan is not read."
            )
    layout = lay_out(heads, encoding)
    first = layout.lines[1:].min(axis=1)
    n_kz, n_ky = (layout.lines[1:].max(axis=1) - first + 1).tolist()
    n_volumes, n_coils, _, _, n_kx = layout.shape
    cropped = replace(
        layout,
        shape=(n_volumes, n_coils, n_kz, n_ky, n_kx),
        lines=layout.lines - np.array([[0], [first[0]], [first[1]]]),
    )
    return References(
        numbers,
        cropped,
        (int(first[0]), int(first[1])),
        _match_volumes(layout, image),
        _is_beside(measurement),
    )


def _is_beside(measurement: Measurement) -> bool:
    only = np.setdiff1d(measurement.references, measurement.imaging)
    index = measurement.heads["idx"][[*_LINE_COUNTERS, *VOLUME_COUNTERS]]
    lines = set(index[measurement.imaging].tolist()) if only.size else set()
    return any(line in lines for line in index[only].tolist())


def _match_volumes(layout: Layout, image: Layout) -> tuple[tuple[int, ...], ...]:
    """Return the image's numbers for the references' counters, 0 where it does not have them."""
    matched = [
        [known.index(value) if value in known else 0 for value in values]
        for values, known in zip(layout.counters, image.counters, strict=True)
    ]
    return tuple(
        tuple(numbers[position] for numbers, position in zip(matched, index, strict=True))
        for index in list_volume_indices(layout)
    )
