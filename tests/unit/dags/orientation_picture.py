"""Draw docs/images/orientation.png: images of a marked object, labelled by their DICOM alone.

The object has one mark on its left, two in front and three towards the head, so a picture is right
where the marks are next to L, A and H: `python -m tests.unit.dags.orientation_picture`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image, ImageDraw

from tests.unit.dags.blobs import AXIAL, Blob, Slice, Vector, measure
from tests.unit.dags.dicom_series import read_series
from tests.unit.dags.situations import CORONAL, SAGITTAL, turn

PICTURE = Path(__file__).resolve().parents[3] / "docs/images/orientation.png"
# Left, posterior and head are positive (LPS); widths in mm, sizes.
MARKS: list[tuple[Vector, float, float]] = [
    ((0, 0, 0), 26, 0.8),
    ((62, 0, 0), 6, 1.6),
    *(((x, -62, 0), 6, 1.6) for x in (-11, 11)),
    *(((x, 0, 62), 6, 1.6) for x in (-22, 0, 22)),
]
MATRIX = (1, 48, 48)
SLAB_MM = 20.0  # what a slice sees around its plane; thick, so that marks are in all of them
PANEL, MARGIN = 168, 22
ROWS = {
    "Localizer": ("osi2", [AXIAL, SAGITTAL, CORONAL], 0.0),
    "Localizer, Siemens": ("SIEMENS", [AXIAL, SAGITTAL, CORONAL], 0.0),
    "Oblique stack": ("osi2", [turn(20, -15, 35)] * 3, 14.0),
    "Oblique stack, Siemens": ("SIEMENS", [turn(20, -15, 35)] * 3, 14.0),
}


def name_direction(direction: Vector) -> str:
    """Return the letters of a direction, the largest part first (DICOM PS3.3 C.7.6.1.1.1)."""
    parts = sorted(zip(direction, ("RL", "AP", "FH"), strict=True), key=lambda part: -abs(part[0]))
    return "".join(names[value > 0] for value, names in parts if abs(value) > 0.1)


def cut(center_mm: Vector, directions: tuple[Vector, Vector, Vector]) -> list[Blob]:
    """Return the object as a slice sees it."""
    blobs = []
    for place_mm, width_mm, size in MARKS:
        x, y, z = np.array(directions) @ (np.array(place_mm) - center_mm)
        weight = np.exp(-(z**2) / (2 * (SLAB_MM**2 + width_mm**2)))
        blobs.append((x, y, 0.0, width_mm, size * weight * width_mm**2))
    return blobs


def reconstruct_row(
    vendor: str, directions: list[tuple[Vector, Vector, Vector]], gap_mm: float
) -> list[pydicom.FileDataset]:
    """Return the images of one file."""
    slices = []
    for number, each in enumerate(directions):
        center_mm: Vector = tuple((number - 1) * gap_mm * np.array(each[2]))
        slices.append(Slice({"slice": number}, center_mm, each, cut(center_mm, each)))
    with tempfile.TemporaryDirectory() as folder:
        sign = 1 if vendor == "SIEMENS" else -1
        measure(slices, MATRIX, sign=sign, vendor=vendor).write(Path(folder) / "raw.h5")
        return read_series(Path(folder) / "raw.h5")


def draw_panel(dataset: pydicom.FileDataset) -> Image.Image:
    """Return an image with the letters of its edges."""
    grey = np.clip(dataset.pixel_array / 65535 * 380, 0, 255).astype(np.uint8)
    panel = Image.new("L", (PANEL, PANEL))
    size = PANEL - 2 * MARGIN
    panel.paste(Image.fromarray(grey).resize((size, size), Image.Resampling.BICUBIC), (MARGIN,) * 2)
    values = [float(value) for value in dataset.ImageOrientationPatient]
    right: Vector = (values[0], values[1], values[2])
    down: Vector = (values[3], values[4], values[5])
    draw, middle = ImageDraw.Draw(panel), PANEL // 2
    for place, direction, sign in (
        ((PANEL - MARGIN // 2, middle), right, 1),
        ((MARGIN // 2, middle), right, -1),
        ((middle, PANEL - MARGIN // 2), down, 1),
        ((middle, MARGIN // 2), down, -1),
    ):
        x, y, z = direction
        letters = name_direction((sign * x, sign * y, sign * z))
        draw.text(place, letters, fill=255, anchor="mm")
    return panel


def draw_picture() -> Image.Image:
    """Return all rows below their titles."""
    picture = Image.new("L", (3 * PANEL, len(ROWS) * (PANEL + 14)), 60)
    for row, (title, (vendor, directions, gap_mm)) in enumerate(ROWS.items()):
        top = row * (PANEL + 14)
        ImageDraw.Draw(picture).text((4, top + 1), title, fill=255)
        for column, dataset in enumerate(reconstruct_row(vendor, directions, gap_mm)):
            picture.paste(draw_panel(dataset), (column * PANEL, top + 14))
    return picture


if __name__ == "__main__":
    draw_picture().save(sys.argv[1] if len(sys.argv) > 1 else PICTURE, optimize=True)
