"""Simulate 3D, multi-slice, multi-contrast and repeated measurements of known volumes."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from ismrmrd import hdf5, xsd
from numpy.typing import NDArray

VOXEL_MM = (3.0, 2.0, 1.5)  # along partitions or slices, rows, columns
# Turned about two axes, so that no element is zero or one.
READ_DIR = (0.8, 0.48, 0.36)
PHASE_DIR = (-0.6, 0.64, 0.48)
SLICE_DIR = (0.0, -0.6, 0.8)
CENTER_MM = (12.5, -7.25, 31.0)


def draw_ellipsoids(shape: tuple[int, int, int], seed: int = 0) -> NDArray[np.float64]:
    """Return overlapping ellipsoids without any symmetry, shape (partitions, rows, columns)."""
    random = np.random.default_rng(seed)
    grid = np.meshgrid(*((2 * np.arange(size) + 1) / size - 1 for size in shape), indexing="ij")
    volume = np.zeros(shape)
    for _ in range(8):
        center, half_axis = random.uniform(-0.5, 0.5, 3), random.uniform(0.2, 0.6, 3)
        distance = sum(((grid[i] - center[i]) / half_axis[i]) ** 2 for i in range(3))
        volume[distance <= 1] += random.uniform(0.2, 1.0)
    return volume


def draw_truth(
    shape: tuple[int, int, int], n_repetitions: int = 1, n_contrasts: int = 1
) -> NDArray[np.float64]:
    """Return different volumes, shape (repetitions, contrasts, *shape)."""
    n_volumes = n_repetitions * n_contrasts
    volumes = np.stack([draw_ellipsoids(shape, seed) for seed in range(n_volumes)])
    return volumes.reshape(n_repetitions, n_contrasts, *shape)


def simulate_volume_kspace(
    volume: NDArray[np.float64], n_coils: int, oversampling: int
) -> NDArray[np.complex64]:
    """Return k-space (coils, kz, ky, kx) of coils whose root sum of squares is the volume."""
    n_columns = volume.shape[2]
    n_before = oversampling * n_columns // 2 - n_columns // 2
    padding = (n_before, (oversampling - 1) * n_columns - n_before)
    wide = np.pad(volume, [(0, 0), (0, 0), padding])
    x = np.linspace(0, 1, wide.shape[2])
    weights = np.array([1.1 + np.cos(2 * np.pi * (x + coil / n_coils)) for coil in range(n_coils)])
    weights /= np.sqrt(np.sum(weights**2, axis=0))
    kspace = np.empty((n_coils, *wide.shape), np.complex64)
    for coil in range(n_coils):
        centred = np.fft.ifftshift(wide * weights[coil] * np.exp(1j * coil))
        kspace[coil] = np.fft.fftshift(np.fft.fftn(centred, norm="ortho"))
    return kspace


def write_measurement(
    path: Path,
    truth: NDArray[np.float64],
    *,
    is_3d: bool,
    n_coils: int = 3,
    oversampling: int = 2,
    n_averages: int = 1,
    echo_times_ms: tuple[float, ...] = (15.0,),
) -> None:
    """Write an ISMRMRD file; truth is (repetitions, contrasts, stack, rows, columns).

    The stack is the slab's partitions (3D) or the slices (2D), each at its own place.
    """
    n_repetitions, n_contrasts, n_stack, n_rows, n_columns = truth.shape
    n_slices = 1 if is_3d else n_stack
    kspace = np.stack(
        [
            simulate_volume_kspace(part, n_coils, oversampling)
            for images in truth.reshape(-1, n_stack, n_rows, n_columns)
            for part in np.split(images, n_slices)
        ]
    ).reshape(n_repetitions, n_contrasts, n_slices, n_coils, -1, n_rows, oversampling * n_columns)
    places = list(
        product(
            range(n_averages),
            range(n_repetitions),
            range(n_contrasts),
            range(n_slices),
            range(kspace.shape[4]),
            range(n_rows),
        )
    )
    records = np.zeros(len(places), hdf5.acquisition_dtype)
    for record, (average, repetition, contrast, number, kz, ky) in zip(
        records, places, strict=True
    ):
        samples = np.ascontiguousarray(kspace[repetition, contrast, number, :, kz, ky])
        # Averages differ from each other, and their mean is the truth.
        weight = np.float32(2 * average / max(n_averages - 1, 1)) if n_averages > 1 else 1
        record["data"] = (weight * samples).ravel().view(np.float32)
        record["traj"] = np.zeros(0, np.float32)
        _fill_head(record["head"], (average, repetition, contrast, number, kz, ky), samples.shape)
        _place_slice(record["head"], 0.0 if is_3d else VOXEL_MM[0] * (number - n_slices // 2))
    size = (n_stack if is_3d else 1, n_rows, n_columns)
    header = _build_header(size, n_coils, oversampling, echo_times_ms)
    with h5py.File(path, "w") as file:
        group = file.create_group("dataset")
        group.create_dataset("data", data=records, dtype=hdf5.acquisition_dtype, maxshape=(None,))
        group.create_dataset("xml", data=[xsd.ToXML(header).encode()], dtype=h5py.string_dtype())


def _fill_head(head: Any, place: tuple[int, ...], shape: tuple[int, ...]) -> None:
    names = ("average", "repetition", "contrast", "slice", "kspace_encode_step_2")
    for name, value in zip((*names, "kspace_encode_step_1"), place, strict=True):
        head["idx"][name] = value
    head["version"] = 1
    head["active_channels"], head["number_of_samples"] = shape
    head["center_sample"] = shape[1] // 2
    head["read_dir"], head["phase_dir"], head["slice_dir"] = READ_DIR, PHASE_DIR, SLICE_DIR


def _place_slice(head: Any, depth_mm: float) -> None:
    head["position"] = np.array(CENTER_MM) + depth_mm * np.array(SLICE_DIR)


def _build_header(
    size: tuple[int, int, int], n_coils: int, oversampling: int, echo_times_ms: tuple[float, ...]
) -> xsd.ismrmrdHeader:
    def build_space(factor: int) -> xsd.encodingSpaceType:
        fov_mm = [n * voxel_mm for n, voxel_mm in zip(size, VOXEL_MM, strict=True)]
        return xsd.encodingSpaceType(
            matrixSize=xsd.matrixSizeType(x=factor * size[2], y=size[1], z=size[0]),
            fieldOfView_mm=xsd.fieldOfViewMm(x=factor * fov_mm[2], y=fov_mm[1], z=fov_mm[0]),
        )

    return xsd.ismrmrdHeader(
        acquisitionSystemInformation=xsd.acquisitionSystemInformationType(receiverChannels=n_coils),
        experimentalConditions=xsd.experimentalConditionsType(H1resonanceFrequency_Hz=63_866_000),
        encoding=[
            xsd.encodingType(
                encodedSpace=build_space(oversampling),
                reconSpace=build_space(1),
                encodingLimits=xsd.encodingLimitsType(),
                trajectory=xsd.trajectoryType.CARTESIAN,
            )
        ],
        sequenceParameters=xsd.sequenceParametersType(TR=[500.0], TE=list(echo_times_ms)),
    )
