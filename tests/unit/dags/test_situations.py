"""Each situation of docs/reconstruction.md ends in the right image, or in its sentence."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from scanhub_reconstruction.model import RawDataError
from scanhub_reconstruction.raw_data import read_raw_data
from tests.unit.dags.dicom_series import leave_series
from tests.unit.dags.situations import MENDED, REFUSED, TAKEN, Situation, render_tables

ROOT = Path(__file__).resolve().parents[3]


def reconstruct(path: Path) -> tuple[list[pydicom.FileDataset], dict[str, object]]:
    run = leave_series(path)
    return [pydicom.dcmread(BytesIO(body)) for body in run.dicom_files], run.facts[0]


def find_bright_mm(dataset: pydicom.FileDataset) -> NDArray[np.float64]:
    """Return where in the patient the bright blob is, by what DICOM says about the pixels."""
    pixels = dataset.pixel_array.astype(float)
    peak = np.unravel_index(np.argmax(pixels), pixels.shape)
    around = tuple(slice(max(index - 2, 0), index + 3) for index in peak)
    weights, grid = pixels[around] ** 2, np.mgrid[around]
    row, column = (np.sum(weights * axis) / np.sum(weights) for axis in grid)
    along = np.reshape(np.array(dataset.ImageOrientationPatient, float), (2, 3))
    row_mm, column_mm = (float(spacing) for spacing in dataset.PixelSpacing)
    place = np.array(dataset.ImagePositionPatient, float)
    return np.asarray(place + column * column_mm * along[0] + row * row_mm * along[1])


@pytest.mark.parametrize("situation", TAKEN + MENDED, ids=lambda each: each.name)
def test_a_blob_is_where_it_was_in_the_patient(tmp_path: Path, situation: Situation) -> None:
    path = tmp_path / "raw.h5"
    truth = situation.write(path)

    series, facts = reconstruct(path)

    if series[0].get("MRAcquisitionType") == "3D":
        peaks = [dataset.pixel_array.max() * _find_slope(dataset) for dataset in series]
        series = [series[int(np.argmax(peaks))]]
    assert len(series) == len(truth)
    if "ImagePositionPatient" in series[0]:
        found = [find_bright_mm(dataset) for dataset in series]
        np.testing.assert_allclose(found, truth, atol=1.0)
    mends = [fact for name, fact in facts.items() if name.startswith("mend_")]
    assert (situation.sentence in mends) == bool(situation.sentence)
    assert bool(mends) == bool(situation.sentence)


def _find_slope(dataset: pydicom.FileDataset) -> float:
    return float(dataset.RealWorldValueMappingSequence[0].RealWorldValueSlope)


@pytest.mark.parametrize("situation", REFUSED, ids=lambda each: each.name)
def test_what_cannot_be_reconstructed_is_refused_with_its_sentence(
    tmp_path: Path, situation: Situation
) -> None:
    path = tmp_path / "raw.h5"
    situation.write(path)

    with pytest.raises(RawDataError) as caught:
        read_raw_data(path)

    assert str(caught.value) == situation.sentence


def test_the_documentation_tells_each_situation() -> None:
    assert render_tables() in (ROOT / "docs/reconstruction.md").read_text()
