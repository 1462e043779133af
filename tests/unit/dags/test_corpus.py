from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.dags.corpus import CASES, write_case
from tests.unit.dags.dicom_series import find_peak_mm, read_series


@pytest.mark.parametrize("name", CASES)
def test_dicom_has_each_object_where_it_lies_in_the_patient(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    write_case(tmp_path / "raw.h5", case)

    series = read_series(tmp_path / "raw.h5")

    n_images = case.size[0] * len(case.echo_times_ms) * case.n_repetitions
    assert len(series) == n_images
    brightest = max(series, key=lambda dataset: int(dataset.pixel_array.max()))
    for number, dataset in enumerate([brightest] if case.is_3d else series):
        truth_mm = case.find_blob_mm(0 if case.is_3d else number % case.size[0])
        np.testing.assert_allclose(find_peak_mm(dataset), truth_mm, atol=0.1)


def test_stored_values_of_echoes_decay_with_t2(tmp_path: Path) -> None:
    case = CASES["echoes"]
    write_case(tmp_path / "raw.h5", case)

    series = read_series(tmp_path / "raw.h5")

    brightest = [float(dataset.pixel_array.max()) for dataset in series[:: case.size[0]]]
    times_ms = [float(dataset.EchoTime) for dataset in series[:: case.size[0]]]
    t2_ms = -1 / np.polyfit(times_ms, np.log(brightest), 1)[0]
    assert t2_ms == pytest.approx(case.t2_ms, rel=1e-3)
    scales = {(d.RescaleSlope, d.WindowCenter, d.WindowWidth) for d in series}
    assert len(scales) == 1
    assert max(d.pixel_array.max() for d in series) == 65535


def test_stored_values_of_repetitions_compare(tmp_path: Path) -> None:
    case = CASES["4D"]
    write_case(tmp_path / "raw.h5", case)

    series = read_series(tmp_path / "raw.h5")

    brightest = [float(dataset.pixel_array.max()) for dataset in series[1 :: case.size[0]]]
    np.testing.assert_allclose(np.array(brightest) / brightest[0], [1, 0.8, 0.64], rtol=1e-3)
