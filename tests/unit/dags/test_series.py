from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanhub_reconstruction.raw_data import read_raw_data
from tests.unit.dags.dicom_series import read_series
from tests.unit.dags.measurement import (
    CENTER_MM,
    PHASE_DIR,
    READ_DIR,
    SLICE_DIR,
    VOXEL_MM,
    draw_truth,
    write_measurement,
)

EditAcquisitions = Callable[[Path, Callable[[Any], Any]], None]


def test_write_dicom_places_each_slice_of_an_oblique_stack(tmp_path: Path) -> None:
    path = tmp_path / "raw.h5"
    write_measurement(path, draw_truth((4, 20, 24)), is_3d=False)

    series = read_series(path)

    # The directions' float32 leaves seven digits.
    for index, dataset in enumerate(series):
        first_pixel_mm = (
            np.array(CENTER_MM)
            + (index - 2) * VOXEL_MM[0] * np.array(SLICE_DIR)
            - 10 * VOXEL_MM[1] * np.array(PHASE_DIR)
            - 12 * VOXEL_MM[2] * np.array(READ_DIR)
        )
        np.testing.assert_allclose(dataset.ImagePositionPatient, first_pixel_mm, atol=1e-5)
        np.testing.assert_allclose(
            dataset.ImageOrientationPatient, [*READ_DIR, *PHASE_DIR], atol=1e-6
        )
        assert dataset.PixelSpacing == [VOXEL_MM[1], VOXEL_MM[2]]
        assert dataset.SliceThickness == VOXEL_MM[0]
        assert dataset.SpacingBetweenSlices == pytest.approx(VOXEL_MM[0], abs=1e-5)
        assert dataset.MRAcquisitionType == "2D"
        assert dataset.InstanceNumber == index + 1
        assert "EchoNumbers" not in dataset
        assert "TemporalPositionIdentifier" not in dataset
    assert len({dataset.SOPInstanceUID for dataset in series}) == 4
    assert len({(d.SeriesInstanceUID, d.FrameOfReferenceUID) for d in series}) == 1


def test_write_dicom_places_each_partition_of_an_oblique_slab(tmp_path: Path) -> None:
    path = tmp_path / "raw.h5"
    write_measurement(path, draw_truth((5, 20, 24)), is_3d=True)

    series = read_series(path)

    steps_mm = np.diff([dataset.ImagePositionPatient for dataset in series], axis=0)
    np.testing.assert_allclose(steps_mm, np.tile(SLICE_DIR, (4, 1)) * VOXEL_MM[0], atol=1e-5)
    middle_mm = (
        np.array(CENTER_MM)
        - 10 * VOXEL_MM[1] * np.array(PHASE_DIR)
        - 12 * VOXEL_MM[2] * np.array(READ_DIR)
    )
    np.testing.assert_allclose(series[2].ImagePositionPatient, middle_mm, atol=1e-5)
    for dataset in series:
        assert dataset.MRAcquisitionType == "3D"
        assert (dataset.SliceThickness, dataset.SpacingBetweenSlices) == (VOXEL_MM[0],) * 2


def test_write_dicom_tells_contrast_and_repetition(tmp_path: Path) -> None:
    path = tmp_path / "raw.h5"
    write_measurement(path, draw_truth((2, 16, 18), 2, 2), is_3d=False, echo_times_ms=(4.92, 7.38))

    series = read_series(path)

    told = [
        (d.InstanceNumber, d.TemporalPositionIdentifier, d.EchoNumbers, d.EchoTime) for d in series
    ]
    assert told == [
        (1, 1, 1, 4.92),
        (2, 1, 1, 4.92),
        (3, 1, 2, 7.38),
        (4, 1, 2, 7.38),
        (5, 2, 1, 4.92),
        (6, 2, 1, 4.92),
        (7, 2, 2, 7.38),
        (8, 2, 2, 7.38),
    ]
    assert {d.NumberOfTemporalPositions for d in series} == {2}


def test_write_dicom_invents_no_echo_time_for_a_further_contrast(tmp_path: Path) -> None:
    path = tmp_path / "raw.h5"
    write_measurement(path, draw_truth((1, 16, 18), 1, 2), is_3d=False, echo_times_ms=(4.92,))

    first, second = read_series(path)

    assert first.EchoTime == 4.92
    assert second.EchoTime is None


def test_write_dicom_invents_no_place_for_slices_that_claim_the_same(
    tmp_path: Path, edit_acquisitions: EditAcquisitions
) -> None:
    def stay(records: Any) -> Any:
        records["head"]["position"] = CENTER_MM
        return records

    path = tmp_path / "raw.h5"
    write_measurement(path, draw_truth((2, 16, 18)), is_3d=False)
    edit_acquisitions(path, stay)

    for dataset in read_series(path):
        assert "ImagePositionPatient" not in dataset


def test_measure_slice_spacing_is_unknown_for_an_uneven_stack(
    tmp_path: Path, edit_acquisitions: EditAcquisitions
) -> None:
    def move_last(records: Any) -> Any:
        records["head"]["position"][records["head"]["idx"]["slice"] == 2] += 1
        return records

    path = tmp_path / "raw.h5"
    write_measurement(path, draw_truth((3, 16, 18)), is_3d=False)
    edit_acquisitions(path, move_last)

    scan = read_raw_data(path).scan

    assert scan is not None
    assert scan.slice_spacing_mm is None
