"""Magnitude images of objects whose signal, noise, ghosts and uniformity are known, and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

Image = NDArray[np.float64]
SIGNAL = 100.0
N_STORED = 4095  # 12 bits, as scanners store


def draw_disk(shape: tuple[int, int] = (128, 128), radius: float = 0.6) -> Image:
    """Return a disk of SIGNAL on nothing; the radius is in halves of the smaller side."""
    rows, columns = (np.arange(size) - (size - 1) / 2 for size in shape)
    distance = np.hypot(rows[:, np.newaxis], columns)
    return np.where(distance <= radius * min(shape) / 2, SIGNAL, 0.0)


def add_noise(truth: Image, noise: float, *, n_channels: int = 1, seed: int = 0) -> Image:
    """Return the root sum of squares of channels with complex noise of this standard deviation."""
    random = np.random.default_rng(seed)
    real, imaginary = random.normal(scale=noise, size=(2, n_channels, *truth.shape))
    channels = truth / np.sqrt(n_channels) + real + 1j * imaginary
    return np.asarray(np.sqrt(np.sum(np.abs(channels) ** 2, axis=0)))


def add_ghost(image: Image, percent: float, axis: int) -> Image:
    """Return the image with its ghost, half of a field of view away."""
    return np.asarray(image + percent / 100 * np.roll(image, image.shape[axis] // 2, axis))


def make_dataset(image: Image, **attributes: Any) -> Dataset:
    """Return an MR image of 16 bit with a slope; an attribute that is None is left out."""
    slope = float(image.max()) / N_STORED or 1.0
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, generate_uid()
    dataset.Modality, dataset.PatientName = "MR", "Doe^Jane"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    dataset.InPlanePhaseEncodingDirection = "COL"
    stored = np.round(image / slope).astype(np.uint16)
    dataset.set_pixel_data(stored, "MONOCHROME2", 16, generate_instance_uid=False)
    dataset.RescaleSlope, dataset.RescaleIntercept = f"{slope:.10g}", 0
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def write_image(path: Path, image: Image, **attributes: Any) -> Path:
    """Write such a file."""
    make_dataset(image, **attributes).save_as(path, enforce_file_format=True)
    return path
