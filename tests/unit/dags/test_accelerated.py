"""Undersampled measurements: refused without an engine, read with one, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ismrmrd import xsd

from local.phantom import simulate_acquisition
from scanhub_reconstruction.coverage import has_gap
from scanhub_reconstruction.ismrmrd_process import read_ismrmrd_apart
from scanhub_reconstruction.model import NeedsEngineError, RawData, RawDataError
from scanhub_reconstruction.raw_data import read_raw_data
from tests.unit.dags.accelerated import write_accelerated
from tests.unit.dags.conftest import EditAcquisitions, EditHeader
from tests.unit.dags.measurement import draw_truth, write_measurement

SIZE = 64


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the k-space without anything left out, shape (coils, ky, kx)."""
    path = tmp_path_factory.mktemp("full") / "raw.h5"
    simulate_acquisition(path, matrix_size=SIZE, noise_std=0.0)
    return read_ismrmrd_apart(path).kspace[0, :, 0]


def read(path: Path) -> RawData:
    return read_raw_data(path, is_acceleration_taken=True)


@pytest.mark.parametrize(
    ("mode", "n_lines", "n_references"),
    [("embedded", 32, 24), ("separate", 32, 24), (None, 44, 0)],
)
def test_lines_of_the_image_and_of_the_reference_keep_apart(
    tmp_path: Path, truth: Any, mode: str | None, n_lines: int, n_references: int
) -> None:
    # Given every second line, and reference lines among them, beside them, or not marked
    path = tmp_path / "raw.h5"
    write_accelerated(path, SIZE, mode=mode)
    # When
    raw = read(path)
    # Then
    kspace = raw.kspace[0, :, 0]
    is_measured = kspace.any(axis=(0, 2))
    assert np.count_nonzero(is_measured) == n_lines
    np.testing.assert_array_equal(kspace[:, is_measured], truth[:, is_measured])
    assert raw.parallel is not None and raw.parallel.factors == (2, 1)
    assert raw.parallel.calibration_mode == mode
    if n_references == 0:
        assert raw.parallel.reference is None
        return
    reference = raw.parallel.reference
    assert reference is not None and raw.parallel.start == (0, 20)
    np.testing.assert_array_equal(reference[0, :, 0], truth[:, 20 : 20 + n_references])


def test_reference_lines_that_repeat_lines_of_the_image_are_a_scan_of_their_own(
    tmp_path: Path, edit_header: EditHeader
) -> None:
    # Given a separate scan, perhaps of another contrast, that the header calls embedded
    path = tmp_path / "raw.h5"
    write_accelerated(path, SIZE, mode="separate")

    def tell(header: Any) -> None:
        header.encoding[0].parallelImaging.calibrationMode = xsd.calibrationModeType.EMBEDDED

    edit_header(path, tell)
    # Then no engine takes them for the image
    raw = read(path)
    assert raw.parallel is not None and raw.parallel.calibration_mode == "separate"


def test_process_of_the_reader_gives_the_same(tmp_path: Path) -> None:
    path = tmp_path / "raw.h5"
    write_accelerated(path, SIZE)
    inside, apart = read(path), read_ismrmrd_apart(path, is_acceleration_taken=True)
    assert inside.parallel is not None and apart.parallel is not None
    np.testing.assert_array_equal(inside.kspace, apart.kspace)
    np.testing.assert_array_equal(inside.parallel.reference, apart.parallel.reference)
    assert inside.parallel.start == apart.parallel.start
    assert inside.parallel.counters == apart.parallel.counters == ((0, 0, 0, 0, 0),)


def test_without_an_engine_the_refusal_names_none(tmp_path: Path) -> None:
    path = tmp_path / "raw.h5"
    write_accelerated(path, SIZE)
    with pytest.raises(NeedsEngineError, match=r"which this reconstruction does not do\.$"):
        read_raw_data(path)


def test_with_an_engine_the_refusal_names_the_dag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCANHUB_PIPE_COMMAND", "some-engine")
    path = tmp_path / "raw.h5"
    write_accelerated(path, SIZE)
    with pytest.raises(NeedsEngineError, match=r"The DAG pipe_reconstruction does it, .*here\.$"):
        read_raw_data(path)


def keep(is_kept: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda records: records[is_kept(records["head"]["idx"]["kspace_encode_step_1"])]


def spoil_reference(records: Any) -> Any:
    records["data"][0] = records["data"][0] * np.float32(np.nan)
    return records


def shorten_reference(records: Any) -> Any:
    for record in records[:24]:
        record["head"]["number_of_samples"] = 64
        record["data"] = record["data"].reshape(8, -1)[:, :128].ravel()
    return records


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (keep(lambda row: row < 56), "incomplete: 4 of 32 phase-encoding lines are missing"),
        (keep(lambda row: row % 4 == 0), "incomplete: 16 of 32 phase-encoding lines are missing"),
        (shorten_reference, "reference lines have another number_of_samples"),
        (spoil_reference, "not finite"),
    ],
)
def test_accelerated_measurement_that_is_broken_is_refused(
    tmp_path: Path, edit_acquisitions: EditAcquisitions, change: Any, sentence: str
) -> None:
    path = tmp_path / "raw.h5"
    write_accelerated(path, SIZE, mode="separate")
    edit_acquisitions(path, change)
    with pytest.raises(RawDataError, match=sentence):
        read(path)


def test_scan_that_was_broken_off_is_not_saved_by_its_reference_lines(
    tmp_path: Path, edit_acquisitions: EditAcquisitions
) -> None:
    # Given lines that are enough by their number, and end early
    path = tmp_path / "raw.h5"
    write_accelerated(path, SIZE, mode=None)
    edit_acquisitions(path, keep(lambda row: row < 50))
    with pytest.raises(RawDataError, match="lines of one side of k-space are missing"):
        read(path)


@pytest.mark.parametrize(
    "is_kept",
    [
        lambda row: ~((row >= 46) & (row < 56)),  # a part is missing
        lambda row: row != 50,  # a single line
    ],
)
def test_gap_is_not_hidden_by_reference_lines(
    tmp_path: Path, edit_acquisitions: EditAcquisitions, is_kept: Any
) -> None:
    path = tmp_path / "raw.h5"
    write_accelerated(path, SIZE, mode=None)
    edit_acquisitions(path, keep(is_kept))
    with pytest.raises(RawDataError, match="more lines side by side than its acceleration"):
        read(path)


@pytest.mark.parametrize(
    ("factors", "shift", "is_round", "missing", "is_gap"),
    [
        ((2, 2), 0, False, (), False),
        ((2, 2), 0, True, (), False),
        ((3, 2), 1, True, (), False),  # shifted from one partition to the next (CAIPIRINHA)
        ((1, 4), 1, False, (), False),
        ((2, 2), 0, True, (slice(8, 9),), True),
        ((2, 2), 0, False, (slice(None), slice(40, 44)), True),
        ((1, 4), 1, True, (10, 22), True),
    ],
)
def test_volume_may_lack_its_corners_and_nothing_between(
    factors: tuple[int, int], shift: int, is_round: bool, missing: Any, is_gap: bool
) -> None:
    kz, ky = np.mgrid[:24, :64]
    is_measured = (kz % factors[0] == 0) & ((ky - shift * (kz // factors[0])) % factors[1] == 0)
    if is_round:
        is_measured &= np.hypot((kz - 12) / 12, (ky - 32) / 32) <= 1
    if missing:
        is_measured[missing] = False
    assert has_gap(is_measured, factors, (12, 32)) is is_gap


@pytest.mark.parametrize("factor", [0, -2, 65, "two"])
def test_impossible_factor_is_refused(tmp_path: Path, edit_header: EditHeader, factor: Any) -> None:
    path = tmp_path / "raw.h5"
    write_accelerated(path, SIZE)

    def change(header: Any) -> None:
        header.encoding[0].parallelImaging.accelerationFactor.kspace_encoding_step_1 = factor

    edit_header(path, change)
    with pytest.raises(RawDataError):
        read(path)


def test_volume_of_3d_accelerated_both_ways_is_read(
    tmp_path: Path, edit_acquisitions: EditAcquisitions, edit_header: EditHeader
) -> None:
    # Given every second line of every second partition
    path = tmp_path / "raw.h5"
    write_measurement(path, draw_truth((12, 16, 18)), is_3d=True)

    def leave_out(records: Any) -> Any:
        index = records["head"]["idx"]
        is_odd = (index["kspace_encode_step_1"] % 2) | (index["kspace_encode_step_2"] % 2)
        return records[is_odd == 0]

    def tell(header: Any) -> None:
        header.encoding[0].parallelImaging = xsd.parallelImagingType(
            accelerationFactor=xsd.accelerationFactorType(
                kspace_encoding_step_1=2, kspace_encoding_step_2=2
            )
        )

    edit_acquisitions(path, leave_out)
    edit_header(path, tell)
    # Then
    raw = read(path)
    assert np.count_nonzero(raw.kspace[0].any(axis=(0, 3))) == 48
