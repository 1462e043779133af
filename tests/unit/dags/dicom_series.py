"""Run a file through reading, reconstruction and DICOM, without S3."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any, cast

import numpy as np
import pydicom
from numpy.typing import NDArray

from scanhub_dag import Run
from scanhub_reconstruction.model import RawData
from scanhub_reconstruction.raw_data import read_raw_data
from scanhub_reconstruction.run_conf import RunConf
from scanhub_reconstruction.series import RunImages, store_images


class MemoryRun:
    """Takes the results of a run, and keeps each file as it is then."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.dicom_files: list[bytes] = []
        self.facts: list[dict[str, Any]] = []

    def add_result(self, path: Path, *, type: str, metadata: dict[str, Any], preview: Path) -> None:
        assert (type, preview.suffix) == ("DICOM", ".png")
        assert preview.is_file()
        self.dicom_files.append(path.read_bytes())
        self.facts.append(metadata)


def make_run(dag_run_id: str = "run-1", **facts: Any) -> RunConf:
    return RunConf(dag_run_id, **facts)


def leave_series(raw: RawData | Path, conf: RunConf | None = None) -> MemoryRun:
    raw = read_raw_data(raw) if isinstance(raw, Path) else raw
    with tempfile.TemporaryDirectory() as folder:
        run = MemoryRun(folder)
        images = RunImages(raw, cast(Run, run))
        store_images(raw, conf or make_run(), images, lambda: None)
    return run


def write_series(raw: RawData | Path, run: RunConf | None = None) -> list[bytes]:
    return leave_series(raw, run).dicom_files


def read_series(raw: RawData | Path, run: RunConf | None = None) -> list[pydicom.FileDataset]:
    return [pydicom.dcmread(io.BytesIO(body)) for body in write_series(raw, run)]


def find_peak(image: NDArray[Any], radius: int = 3) -> NDArray[np.float64]:
    """Return the index of the brightest blob's middle, between pixels."""
    peak = np.unravel_index(np.argmax(image), image.shape)
    around = tuple(
        slice(max(i - radius, 0), min(i + radius + 1, size))
        for i, size in zip(peak, image.shape, strict=True)
    )
    weights = image[around].astype(np.float64) ** 2
    grids = np.mgrid[around]
    return np.array([(weights * grid).sum() / weights.sum() for grid in grids])


def find_peak_mm(dataset: pydicom.Dataset) -> NDArray[np.float64]:
    """Return where DICOM says that the brightest blob lies, in the patient (PS3.3 C.7.6.2.1.1)."""
    row, column = find_peak(dataset.pixel_array)
    orientation = np.array(dataset.ImageOrientationPatient, np.float64)
    row_mm, column_mm = map(float, dataset.PixelSpacing)
    first_mm = np.array(dataset.ImagePositionPatient, np.float64)
    return first_mm + column * column_mm * orientation[:3] + row * row_mm * orientation[3:]
