"""A series of axial MR images of a phantom's head, as DICOM files."""

import io
from typing import Any

import numpy as np
from PIL import Image
from pydicom.uid import generate_uid

from local.phantom import draw_phantom
from tests.unit.dags.mr_objects import add_noise, make_dataset

SIZE = 192
DEPTH_MM = 6.0


def draw_slice(height: float) -> np.ndarray[Any, Any]:
    """Return the head at a height from -1 to 1, with a little noise."""
    size = max(2, round(SIZE * (1 - height**2) ** 0.5))
    image = np.zeros((SIZE, SIZE))
    start = (SIZE - size) // 2
    image[start : start + size, start : start + size] = draw_phantom(size)
    return add_noise(image, 0.02)


def make_series(n_images: int) -> dict[str, bytes]:
    """Return its files by name: named from the head downwards, so against the order by place."""
    uid = generate_uid(entropy_srcs=["a head"])
    files = {}
    for index, height in enumerate(np.linspace(0.9, -0.9, n_images)):
        # At right angles to the rows, so that heights grow towards the head.
        place_mm = [-SIZE / 2, -SIZE / 2, float(height) * n_images * DEPTH_MM / 2]
        files[f"image-{index + 1:04d}.dcm"] = encode(
            draw_slice(height),
            SeriesInstanceUID=uid,
            InstanceNumber=index + 1,
            ImagePositionPatient=place_mm,
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[1, 1],
            WindowCenter=0.5,
            WindowWidth=1,
        )
    return files


def encode(image: np.ndarray[Any, Any], **attributes: Any) -> bytes:
    """Return a DICOM file; magnitudes are in thousandths, as a window is at least 1 wide."""
    for keyword in ("WindowCenter", "WindowWidth"):
        if keyword in attributes:
            attributes[keyword] *= 1000
    buffer = io.BytesIO()
    make_dataset(image * 1000, **attributes).save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def make_preview() -> bytes:
    """Return the middle of the head as PNG."""
    buffer = io.BytesIO()
    grey = np.clip(draw_slice(0) * 255, 0, 255).astype(np.uint8)
    Image.fromarray(grey).save(buffer, "png")
    return buffer.getvalue()
