"""The raw data of `make sample`, and the workflows of `make workflow`."""

from pathlib import Path

import ismrmrd
import numpy as np
import pytest

from local.phantom import Undersampling
from local.sample import make_workflow, write_samples
from local.state import Stack
from tests.unit.local.conftest import Served

N_LINES = 128
CALIBRATION = ismrmrd.ACQ_IS_PARALLEL_CALIBRATION
BOTH = ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples") / "new" / "folder"
    write_samples(folder)
    return folder


def read_lines(path: Path) -> dict[int, ismrmrd.Acquisition]:
    with ismrmrd.File(str(path), "r") as file:
        return {line.idx.kspace_encode_step_1: line for line in file["dataset"].acquisitions}


def test_array_fits_into_a_request(samples: Path) -> None:
    path = samples / "kspace.npy"
    assert path.stat().st_size < 4 * 2**20
    assert np.load(path).shape == (8, N_LINES, N_LINES)


def test_accelerated_measurement_says_which_lines_are_for_reference(samples: Path) -> None:
    # Given both measurements; when their lines are read
    whole = read_lines(samples / "scan.h5")
    lines = read_lines(samples / "scan-accelerated.h5")
    # Then every second line is there, the centre among them, and 24 around it, flagged as such
    reference = range(N_LINES // 2 - 12, N_LINES // 2 + 12)
    assert set(lines) == set(range(0, N_LINES, 2)) | set(reference)
    assert {step for step in lines if lines[step].isFlagSet(BOTH)} == set(reference[::2])
    assert {step for step in lines if lines[step].isFlagSet(CALIBRATION)} == set(reference[1::2])
    assert not any(line.isFlagSet(CALIBRATION) or line.isFlagSet(BOTH) for line in whole.values())
    # And it is the same measurement
    assert len(whole) == N_LINES
    assert all(np.array_equal(lines[step].data, whole[step].data) for step in lines)
    assert [step for step in lines if lines[step].isFlagSet(ismrmrd.ACQ_FIRST_IN_SLICE)] == [0]
    [last] = [step for step in lines if lines[step].isFlagSet(ismrmrd.ACQ_LAST_IN_MEASUREMENT)]
    assert last == max(lines)


def test_accelerated_measurement_has_its_factor_in_the_header(samples: Path) -> None:
    with ismrmrd.File(str(samples / "scan-accelerated.h5"), "r") as file:
        encoding = file["dataset"].header.encoding[0]
    factor = encoding.parallelImaging.accelerationFactor
    assert (factor.kspace_encoding_step_1, factor.kspace_encoding_step_2) == (2, 1)
    assert encoding.parallelImaging.calibrationMode.value == "embedded"
    assert encoding.encodedSpace.matrixSize.y == N_LINES


@pytest.mark.parametrize("n_lines", [63, 64, 65])
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_the_centre_is_always_an_imaging_line(factor: int, n_lines: int) -> None:
    flags = Undersampling(factor, n_reference_lines=8).list_flags(n_lines)
    assert flags[n_lines // 2] == (BOTH,)
    assert list(flags) == sorted(flags)


@pytest.mark.parametrize(("is_diamond", "n_tasks"), [(False, 2), (True, 4)])
def test_workflow_is_new_each_time(scanhub: Served, is_diamond: bool, n_tasks: int) -> None:
    fields = dict.fromkeys(Stack.__dataclass_fields__, "")
    stack = Stack(**fields | {"scanhub_url": str(scanhub.client.base_url).rstrip("/")})
    first, second = (make_workflow(stack, is_diamond=is_diamond) for _ in range(2))
    assert first != second
    workflow = scanhub.client.get(f"/api/v1/exam/workflow/{second}").json()
    assert len(workflow["tasks"]) == n_tasks


@pytest.mark.parametrize("is_diamond", [False, True])
def test_workflow_has_the_dags_that_are_named(scanhub: Served, is_diamond: bool) -> None:
    fields = dict.fromkeys(Stack.__dataclass_fields__, "")
    stack = Stack(**fields | {"scanhub_url": str(scanhub.client.base_url).rstrip("/")})
    workflow_id = make_workflow(
        stack, is_diamond=is_diamond, dag_id="my_reconstruction", processing="my_processing"
    )
    workflow = scanhub.client.get(f"/api/v1/exam/workflow/{workflow_id}").json()
    named = {task["name"]: task["destinations"].get("dag_id") for task in workflow["tasks"]}
    rest = {"Left": "my_reconstruction", "Right": "my_reconstruction"}
    rest |= {"Comparison": "cartesian_reconstruction"}
    usual = {"Reconstruction": "my_reconstruction"}
    assert named == {
        "Acquisition": None,
        **(rest if is_diamond else usual),
        "Processing": "my_processing",
    }
