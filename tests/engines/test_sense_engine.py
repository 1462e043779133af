"""The engines that ship, on accelerated measurements of the analytic object."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from local.config import ROOT
from local.phantom import draw_phantom
from local.setup import ENGINE
from scanhub_pipe.command import Command
from scanhub_pipe.errors import EngineError
from scanhub_pipe.reconstruct import run_engine
from scanhub_reconstruction.raw_data import read_raw_data
from tests.unit.dags.accelerated import write_accelerated

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
