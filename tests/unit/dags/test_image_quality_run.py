"""A run of image_quality, from the objects of a reconstruction to the result that it reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scanhub_dag import RunError, open_run
from scanhub_image_quality.report import DEFINITIONS
from scanhub_image_quality.run import run_image_quality
from tests.unit.dags.mr_objects import add_noise, draw_disk, write_image
from tests.unit.dags.open_runs import BUCKET, DAG_ID, StartedRun, WorkflowManager


def give(s3: Any, folder: Path, *noises: float) -> dict[str, Any]:
    """Put a series of images with so much noise; return it as the conf names an input."""
    results = []
    for number, noise in enumerate(noises, 1):
        image = add_noise(draw_disk((96, 96)), noise)
        path = write_image(folder / "image.dcm", image, InstanceNumber=number)
        key = f"result/reconstruction/image-{number:04d}.dcm"
        results.append({"type": "DICOM", **put(s3, key, path.read_bytes())})
    return {
        "task_id": "reconstruction",
        "dag_run_id": "reconstruction",
        "type": "RECONSTRUCTION_TASK",
        "results": results,
    }


def put(s3: Any, key: str, body: bytes) -> dict[str, Any]:
    version_id = s3.put_object(Bucket=BUCKET, Key=key, Body=body)["VersionId"]
    return {"bucket": BUCKET, "key": key, "version_id": version_id}


def measure(*inputs: dict[str, Any]) -> list[dict[str, Any]]:
    manager = WorkflowManager()
    with open_run(StartedRun(inputs=list(inputs)), transport=manager.transport) as run:
        run_image_quality(run)
    return manager.bodies


def test_run_reports_its_file_with_the_medians_as_facts(s3: Any, tmp_path: Path) -> None:
    *progress, told = measure(give(s3, tmp_path, 1.0, 2.0, 4.0))

    key = "result/run-1/image_quality.json"
    report = json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    assert [image["instance_number"] for image in report["images"]] == [1, 2, 3]
    medians = {name: report["series"][name]["median"] for name in DEFINITIONS}
    assert told == {
        "dag_id": DAG_ID,
        "success": True,
        "result_file": f"s3://{BUCKET}/{key}",
        "results": [{"type": "CALIBRATION", "key": key, "metadata": {**medians, "n_images": 3}}],
    }
    assert medians["snr"] == pytest.approx(50, rel=0.06)
    assert all(set(each) == {"dag_id", "progress"} for each in progress)


def test_repeated_run_writes_and_reports_the_same(s3: Any, tmp_path: Path) -> None:
    series = give(s3, tmp_path, 1.0, 2.0)

    first = measure(series)[-1]
    content = s3.get_object(Bucket=BUCKET, Key=first["results"][0]["key"])["Body"].read()

    assert measure(series)[-1] == first
    assert s3.get_object(Bucket=BUCKET, Key=first["results"][0]["key"])["Body"].read() == content


def test_what_else_a_reconstruction_leaves_is_not_measured(s3: Any, tmp_path: Path) -> None:
    series = give(s3, tmp_path, 2.0)
    series["results"].insert(0, {"type": "NUMPY", **put(s3, "result/r/volume.npy", b"numbers")})

    assert measure(series)[-1]["results"][0]["metadata"]["n_images"] == 1


@pytest.mark.parametrize(("n_inputs", "sentence"), [(0, "has 0 inputs"), (2, "has 2 inputs")])
def test_other_than_one_series_is_refused(
    s3: Any, tmp_path: Path, n_inputs: int, sentence: str
) -> None:
    manager = WorkflowManager()
    inputs = [give(s3, tmp_path, 2.0)] * n_inputs

    with (
        pytest.raises(RunError),
        open_run(StartedRun(inputs=inputs, key=None), transport=manager.transport) as run,
    ):
        run_image_quality(run)

    assert manager.bodies[-1]["success"] is False
    assert sentence in manager.bodies[-1]["error"]


def test_reconstruction_that_left_no_image_is_named(s3: Any, tmp_path: Path) -> None:
    empty = give(s3, tmp_path)

    with pytest.raises(RunError, match="The input has 0 images"):
        measure(empty)


def test_damaged_image_fails_the_run_in_a_sentence(s3: Any, tmp_path: Path) -> None:
    series = give(s3, tmp_path, 2.0)
    series["results"].append({"type": "DICOM", **put(s3, "result/r/bad.dcm", b"no DICOM")})

    with pytest.raises(RunError, match=r"^Image 2 of 2 is not a DICOM file that can be read"):
        measure(series)
