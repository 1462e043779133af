"""Dicom3tools' validator finds no error; its warnings are those that we chose."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.unit.dags.corpus import CASES
from tests.unit.dags.dicom_series import make_run, write_series

StoreSeries = Callable[..., Path]
EXPECTED_WARNINGS = (
    # ADR 25: what viewers and converters read.
    "Rescale",
    "Standard Extended SOP Class",
    # Names and ids of an exam, which are not ours to tell.
    "to build DICOMDIR",
)


def validate(path: Path) -> tuple[list[str], list[str]]:
    """Return errors and warnings."""
    command = ["dciodvfy", str(path)]
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        command, capture_output=True, text=True, check=False, timeout=60
    )
    lines = (done.stdout + done.stderr).splitlines()
    assert any(line in ("MRImage", "SCImage") for line in lines)
    return (
        [line for line in lines if line.startswith("Error")],
        [line for line in lines if line.startswith("Warning")],
    )


@pytest.mark.parametrize("name", CASES)
def test_mr_image_has_no_error(store_series: StoreSeries, name: str) -> None:
    run = make_run(study_instance_uid="2.25.1", study_date="20261129", study_time="101500")
    for path in sorted(store_series(CASES[name], run).iterdir()):
        errors, warnings = validate(path)

        assert errors == []
        assert [w for w in warnings if not any(known in w for known in EXPECTED_WARNINGS)] == []


def test_secondary_capture_has_no_error(tmp_path: Path) -> None:
    np.save(tmp_path / "kspace.npy", np.eye(16, dtype=np.complex64))
    (body,) = write_series(tmp_path / "kspace.npy")
    (tmp_path / "image.dcm").write_bytes(body)

    errors, _ = validate(tmp_path / "image.dcm")

    assert errors == []
