"""What a run may leave, and what is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from scanhub_dag import RunError
from scanhub_dag.results import MAX_RESULTS_BEFORE, MAX_RESULTS_BYTES, Results, ResultType
from workflow_manager.domain import result
from workflow_manager.services.receive_results import Callback


@pytest.fixture
def results() -> Results:
    return Results("result/run-1/")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.dcm"
    path.write_bytes(b"image")
    return path


def add_series(results: Results, n_files: int, **facts: Any) -> None:
    for number in range(n_files):
        key = f"result/run-1/image-{number:04d}.dcm"
        results.add("DICOM", key, "result/run-1/preview.png", facts)


def test_types_are_those_that_the_workflow_manager_knows() -> None:
    assert set(get_args(ResultType)) == {each.value for each in result.ResultType}
    assert result.MAX_RESULTS_BYTES == MAX_RESULTS_BYTES


@pytest.mark.parametrize("name", ["a.dcm", "deep/er/image-0001.dcm", "_a", "A-b_c.1"])
def test_a_name_is_below_the_runs_own_folder(results: Results, file: Path, name: str) -> None:
    assert results.claim_name(name, file) == (f"result/run-1/{name}", True)


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../a.dcm", "a/../../b", "a/..", "/a.dcm", "/etc/passwd", "a//b", "a/"),
        *(
            "result/../x",
            "s3://other/a.dcm",
            "a\\b",
            "a b",
            "ä.dcm",
            "a\n",
            "a%2e",
            "-a",
            "a" * 1100,
        ),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(results: Results, file: Path, name: str) -> None:
    with pytest.raises(RunError, match="below the run's own"):
        results.claim_name(name, file)


def test_a_name_is_given_once_and_a_preview_often(results: Results, file: Path) -> None:
    results.claim_name("a.dcm", file)
    results.claim_name("preview.png", file, is_preview=True)
    other = file.with_name("other.png")
    other.touch()

    assert results.claim_name("preview.png", file, is_preview=True)[1] is False
    with pytest.raises(RunError, match="two files of one name"):
        results.claim_name("a.dcm", file)
    with pytest.raises(RunError, match="two files of one name"):
        results.claim_name("preview.png", other, is_preview=True)


@pytest.mark.parametrize("path", ["none.dcm", "."])
def test_a_result_that_is_not_there_is_refused(results: Results, file: Path, path: str) -> None:
    with pytest.raises(RunError, match="has not written"):
        results.claim_name("a.dcm", file.parent / path)


def test_facts_may_come_from_numpy(results: Results) -> None:
    add_series(results, 1, snr=np.float32(0.5), shape=np.array([2, 3]), n=np.int64(4), name=None)

    [told] = results.describe(1)

    assert told["metadata"] == {"snr": 0.5, "shape": [2, 3], "n": 4, "name": None}
    Callback.model_validate({"success": True, "results": [told]})


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        "x" * 201,
        {"a": 1},
        [1] * 17,
        ["a"],
        [True],
        [float("nan")],
        b"a",
        "\udcff",
        10**400,
        [10**400],
    ],
)
def test_a_fact_that_cannot_be_told_is_refused(results: Results, value: Any) -> None:
    with pytest.raises(RunError, match="The fact snr is none of"):
        add_series(results, 1, snr=value)


def test_more_facts_than_can_be_told_are_refused(results: Results) -> None:
    with pytest.raises(RunError, match="has 31 facts; 30 can be told"):
        add_series(results, 1, **{f"f{number}": 0 for number in range(31)})
    with pytest.raises(RunError, match="name is to be a text of 100 letters"):
        add_series(results, 1, **{"f" * 101: 0})
    with pytest.raises(RunError, match="name is to be a text"):
        add_series(results, 1, **{"\udcff": 0})


def test_a_type_that_nobody_knows_is_refused(results: Results) -> None:
    with pytest.raises(RunError, match="another type than DICOM, MRD, NUMPY, CALIBRATION"):
        results.add("JPEG", "result/run-1/a", None, {})


def test_all_of_a_series_is_told_with_its_facts_once_when_it_is_long(results: Results) -> None:
    facts = {f"fact-{number}": "x" * 20 for number in range(10)}
    add_series(results, 500, **facts)

    told = results.describe(1000)

    assert [each["key"][-8:-4] for each in told] == [f"{number:04d}" for number in range(500)]
    assert [bool(each["metadata"]) for each in told] == [True] + [False] * 499


def test_a_series_that_is_too_long_is_told_by_its_first_file(results: Results) -> None:
    add_series(results, MAX_RESULTS_BEFORE + 1, echo=1)
    add_series(results, 2, echo=2)

    told = results.describe(MAX_RESULTS_BEFORE)

    assert [each["metadata"]["echo"] for each in told] == [1, 2]


@pytest.mark.parametrize(("n_facts", "max_results"), [(0, 20), (30, 1000)])
def test_results_that_differ_have_a_limit(results: Results, n_facts: int, max_results: int) -> None:
    for number in range(max_results):
        add_series(results, 1, number=number, **{f"{n}": "x" * 200 for n in range(n_facts - 1)})
    add_series(results, 1, number=-1)

    with pytest.raises(RunError, match="more than can be told"):
        results.describe(max_results)
