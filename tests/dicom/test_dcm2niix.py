"""What NIfTI has after dcm2niix: the same places and values."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.unit.dags.corpus import CASES
from tests.unit.dags.dicom_series import find_peak, make_run

StoreSeries = Callable[..., Path]
LPS_FROM_RAS = np.diag([-1.0, -1, 1, 1])


def convert(folder: Path) -> list[nibabel.Nifti1Image]:
    """Return the volumes, echo by echo."""
    command = ["dcm2niix", "-f", "%e", "-b", "n", "-o", str(folder), str(folder)]
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        command, capture_output=True, text=True, check=True, timeout=60
    )
    assert "Error" not in done.stdout
    return [nibabel.load(path) for path in sorted(folder.glob("*.nii"))]


@pytest.mark.parametrize("name", CASES)
def test_nifti_has_each_object_where_it_lies_in_the_patient(
    store_series: StoreSeries, name: str
) -> None:
    case = CASES[name]

    images = convert(store_series(case))

    assert len(images) == len(case.echo_times_ms)
    truths_mm = [case.find_blob_mm(i) for i in range(1 if case.is_3d else case.size[0])]
    for image in images:
        to_lps = LPS_FROM_RAS @ image.affine
        volumes = image.get_fdata().reshape(*image.shape[:3], -1)
        assert volumes.shape[3] == case.n_repetitions
        for volume in np.moveaxis(volumes, 3, 0):
            if case.is_3d:
                peaks = [find_peak(volume)]
            else:
                peaks = [(*find_peak(volume[:, :, k]), k) for k in range(volume.shape[2])]
            found_mm = [(to_lps @ (*peak, 1))[:3] for peak in peaks]
            # dcm2niix may turn the order of slices around.
            for truth_mm in truths_mm:
                assert min(np.linalg.norm(found_mm - truth_mm, axis=1)) < 0.1


def test_nifti_of_echoes_decays_with_t2(store_series: StoreSeries) -> None:
    case = CASES["echoes"]

    brightest = [image.get_fdata().max() for image in convert(store_series(case))]

    t2_ms = -1 / np.polyfit(case.echo_times_ms, np.log(brightest), 1)[0]
    assert t2_ms == pytest.approx(case.t2_ms, rel=0.02)


def test_nifti_of_two_scans_compares(store_series: StoreSeries) -> None:
    """A second run, weaker by an echo time, is a series with a slope of its own."""
    case = CASES["axial"]
    later = type(case)(echo_times_ms=(30.0,))

    (first,) = convert(store_series(case, make_run("run-1")))
    (second,) = convert(store_series(later, make_run("run-2")))

    ratio = second.get_fdata().max() / first.get_fdata().max()
    assert ratio == pytest.approx(np.exp(-20 / case.t2_ms), rel=1e-3)
