"""Measurements of an analytic object, a bright blob at a known place in the patient.

The k-space of a Gaussian blob at r (mm) of width s (mm) is exp(-2πi k·r) exp(-2π² s² |k|²), with k
in 1/mm: what a scanner would measure, without any discrete transform.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from ismrmrd.hdf5 import acquisition_header_dtype
from numpy.typing import NDArray

Vector = tuple[float, float, float]
Blob = tuple[float, float, float, float, float]  # x, y, z along read, phase, slice; width; size

PIXEL_MM = 4.0
BRIGHT_MM = (24.0, 12.0, 8.0)
AXIAL: tuple[Vector, Vector, Vector] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def draw_blobs(z_mm: float = 0.0, amplitude: float = 3.0) -> list[Blob]:
    """Return a body and a blob that is brighter than anything else."""
    return [(-8, 4, 0, 16, 0.5 * amplitude), (BRIGHT_MM[0], BRIGHT_MM[1], z_mm, 5, amplitude)]


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice or slab: its counters, its place, and what is in it."""

    counters: dict[str, int] = field(default_factory=dict)
    center_mm: Vector = (0.0, 0.0, 0.0)
    directions: tuple[Vector, Vector, Vector] = AXIAL
    blobs: list[Blob] = field(default_factory=draw_blobs)

    @property
    def bright_mm(self) -> NDArray[np.float64]:
        """Where the bright blob is in the patient."""
        return np.array(self.center_mm) + np.array(self.blobs[1][:3]) @ np.array(self.directions)


@dataclass(frozen=True, slots=True)
class Measurement:
    """Acquisition headers (n,) and samples (n, coils, kx), and the header's text."""

    document: str
    heads: NDArray[np.void]
    samples: NDArray[np.complex64]

    def write(
        self, path: Path, *, group: str = "dataset", dtype: str = "<f4", chunk: int = 1
    ) -> None:
        """Add a group to the file, in chunks of so many acquisitions."""
        vector = h5py.vlen_dtype(np.dtype(dtype))
        records = np.empty(
            len(self.heads),
            np.dtype([("head", self.heads.dtype), ("traj", vector), ("data", vector)]),
        )
        records["head"] = self.heads
        for record, readout in zip(records, self.samples, strict=True):
            record["traj"] = np.zeros(0, dtype)
            record["data"] = np.ascontiguousarray(readout).ravel().view(np.float32).astype(dtype)
        with h5py.File(path, "a") as file:
            place = file.create_group(group)
            place.create_dataset("data", data=records, chunks=(chunk,), maxshape=(None,))
            document = self.document.encode("latin-1")
            text = h5py.special_dtype(vlen=bytes)
            place.create_dataset("xml", shape=(1,), dtype=text)[0] = document


def build_header(
    matrix: tuple[int, int, int],
    *,
    header_z: int | None = None,
    thickness_mm: float = PIXEL_MM,
    vendor: str = "osi2",
    limits: str = "",
    more: str = "",
) -> str:
    """Return the text of a header; the matrix is (z, y, x), without oversampling."""
    n_z, n_y, n_x = matrix
    space = (
        f"<matrixSize><x>{n_x}</x><y>{n_y}</y><z>{header_z or n_z}</z></matrixSize>"
        f"<fieldOfView_mm><x>{n_x * PIXEL_MM}</x><y>{n_y * PIXEL_MM}</y>"
        f"<z>{(header_z or n_z) * thickness_mm}</z></fieldOfView_mm>"
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><ismrmrdHeader '
        'xmlns="http://www.ismrm.org/ISMRMRD"><measurementInformation><patientPosition>HFS'
        "</patientPosition></measurementInformation><acquisitionSystemInformation><systemVendor>"
        f"{vendor}</systemVendor><systemFieldStrength_T>1.5</systemFieldStrength_T>"
        "</acquisitionSystemInformation><experimentalConditions><H1resonanceFrequency_Hz>63866000"
        "</H1resonanceFrequency_Hz></experimentalConditions><encoding>"
        f"<encodedSpace>{space}</encodedSpace><reconSpace>{space}</reconSpace>"
        f"<encodingLimits>{limits}</encodingLimits><trajectory>cartesian</trajectory>{more}"
        "</encoding><sequenceParameters><TR>500</TR><TE>15</TE></sequenceParameters>"
        "</ismrmrdHeader>"
    )


def write_limits(step: int, first: int, last: int, center: int) -> str:
    """Return the element of one phase-encoding direction's limits."""
    name = f"kspace_encoding_step_{step}"
    return (
        f"<{name}><minimum>{first}</minimum><maximum>{last}</maximum><center>{center}</center>"
        f"</{name}>"
    )


def measure(
    slices: list[Slice],
    matrix: tuple[int, int, int] = (1, 24, 32),
    *,
    sign: int = -1,
    coils: tuple[complex, ...] = (1.0, 0.6 + 0.5j),
    **header: Any,
) -> Measurement:
    """Measure all lines of each slice; sign +1 is the forward transform's convention."""
    n_z, n_y, n_x = matrix
    k_x, k_y, k_z = ((np.arange(n) - n // 2) / (n * PIXEL_MM) for n in (n_x, n_y, n_z))
    heads, samples = [], []
    for part in slices:
        lines = np.zeros((n_z, n_y, n_x), np.complex128)
        for x, y, z, width, size in part.blobs:
            along_x, along_y, along_z = (
                np.exp(sign * 2j * np.pi * k * r - 2 * (np.pi * width * k) ** 2)
                for k, r in ((k_x, x), (k_y, y), (k_z, z if n_z > 1 else 0.0))
            )
            lines += size * along_z[:, None, None] * along_y[:, None] * along_x
        lines = lines.reshape(-1, 1, n_x) * np.array(coils)[:, np.newaxis]
        heads.append(_fill_heads(part, matrix, len(coils)))
        samples.append(lines.astype(np.complex64))
    return Measurement(
        build_header(matrix, **header), np.concatenate(heads), np.concatenate(samples)
    )


def _fill_heads(part: Slice, matrix: tuple[int, int, int], n_coils: int) -> NDArray[np.void]:
    n_z, n_y, n_x = matrix
    heads = np.zeros(n_z * n_y, acquisition_header_dtype)
    steps = np.array(list(product(range(n_z), range(n_y))))
    heads["idx"]["kspace_encode_step_2"], heads["idx"]["kspace_encode_step_1"] = steps.T
    for name, value in part.counters.items():
        heads["idx"][name] = value
    heads["version"], heads["active_channels"] = 1, n_coils
    heads["number_of_samples"], heads["center_sample"] = n_x, n_x // 2
    heads["position"] = part.center_mm
    heads["read_dir"], heads["phase_dir"], heads["slice_dir"] = part.directions
    return heads
