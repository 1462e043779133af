"""The engines that ship, on accelerated measurements of the analytic object."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ismrmrd import xsd

from local.config import ROOT
from local.phantom import draw_phantom
from local.setup import ENGINE
from scanhub_pipe.command import Command
from scanhub_pipe.errors import EngineError
from scanhub_pipe.reconstruct import run_engine
from scanhub_reconstruction.raw_data import read_raw_data
from tests.unit.dags.accelerated import write_accelerated
from tests.unit.dags.conftest import (
    EditAcquisitions,
    EditHeader,
    edit_acquisitions,
    edit_header,
)
from tests.unit.dags.measurement import draw_truth, write_measurement

__all__ = ["edit_acquisitions", "edit_header"]

PROGRAM = str(ROOT / "dags" / "engines" / "sense_engine.py")
SIGPY = Command((str(ENGINE.python), PROGRAM), timeout_s=240.0)
BART = Command((sys.executable, PROGRAM, "bart"), timeout_s=240.0)
MATRIX_SIZE = 128


def measure_error(path: Path, command: Command) -> tuple[float, str]:
    """Return the relative error, root mean square, and who made the image."""
    raw = read_raw_data(path, is_acceleration_taken=True)
    file = io.BytesIO()
    name = run_engine(raw, command, file)
    image = np.frombuffer(file.getvalue(), np.float32).reshape(raw.image_shape)[0]
    truth = draw_phantom(MATRIX_SIZE)
    return float(np.linalg.norm(image - truth) / np.linalg.norm(truth)), name


@pytest.mark.parametrize("mode", ["embedded", "separate", None])
def test_sigpy_unfolds_the_object_within_a_percent(tmp_path: Path, mode: str | None) -> None:
    # Given every second line of 8 coils, and 24 reference lines
    path = tmp_path / "raw.h5"
    write_accelerated(path, MATRIX_SIZE, mode=mode)
    # When
    error, name = measure_error(path, SIGPY)
    # Then
    assert error < 0.01
    assert name.startswith("SigPy ")


def test_sigpy_makes_no_part_black_and_lets_no_error_grow_where_corners_are_missing(
    tmp_path: Path, edit_acquisitions: EditAcquisitions, edit_header: EditHeader
) -> None:
    # Given an ellipse of a volume's lines, which alone has an error of 8 %
    path, truth = tmp_path / "raw.h5", draw_truth((12, 24, 16))
    write_measurement(path, truth, is_3d=True, n_coils=8, oversampling=1)

    def leave_out(records: Any) -> Any:
        index = records["head"]["idx"]
        kz, ky = (index[f"kspace_encode_step_{n}"].astype(float) for n in (2, 1))
        return records[np.hypot((kz - 6) / 6, (ky - 12) / 12) <= 1]

    def tell(header: Any) -> None:
        header.encoding[0].parallelImaging = xsd.parallelImagingType(
            accelerationFactor=xsd.accelerationFactorType(
                kspace_encoding_step_1=1, kspace_encoding_step_2=2
            )
        )

    edit_acquisitions(path, leave_out)
    edit_header(path, tell)
    # When
    raw, file = read_raw_data(path, is_acceleration_taken=True), io.BytesIO()
    run_engine(raw, SIGPY, file)
    # Then
    image = np.frombuffer(file.getvalue(), np.float32).reshape(raw.image_shape)
    assert np.linalg.norm(image - truth[0, 0]) / np.linalg.norm(truth) < 0.15


def test_bart_unfolds_the_object_within_two_percent(tmp_path: Path) -> None:
    if shutil.which("bart") is None:
        pytest.skip("There is no bart; Debian's package has it.")
    path = tmp_path / "raw.h5"
    write_accelerated(path, MATRIX_SIZE)
    error, name = measure_error(path, BART)
    assert error < 0.02
    assert name.startswith("BART ")


def test_engine_without_reference_lines_ends_with_an_exit_code(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "raw.h5"
    write_accelerated(path, 32, n_reference=4)
    with caplog.at_level("INFO"), pytest.raises(EngineError, match="failed with exit code 1"):
        measure_error(path, SIGPY)
    assert "4 reference lines around the centre of k-space; 8 are needed" in caplog.text
