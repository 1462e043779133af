from __future__ import annotations

import io
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image

from scanhub_dag import open_run
from scanhub_reconstruction import series
from scanhub_reconstruction.model import RawDataError
from scanhub_reconstruction.pipeline import run_reconstruction
from scanhub_reconstruction.raw_data import read_raw_data
from scanhub_reconstruction.run_conf import RunConf, RunConfError
from tests.unit.dags.measurement import draw_ellipsoids, write_measurement
from tests.unit.dags.open_runs import BUCKET, CONF, DAG_ID, KEY, StartedRun, WorkflowManager
from workflow_manager.domain.dag_run import (
    DagRun,
    derive_study_instance_uid,
    make_series_number,
)
from workflow_manager.domain.dag_run_conf import dag_run_conf
from workflow_manager.domain.data_lake import ObjectVersion

Acquire = Callable[..., Path]


def reconstruct(manager: WorkflowManager, **conf: Any) -> None:
    """Do as the DAG does."""
    with open_run(StartedRun(**conf), transport=manager.transport) as run:
        run_reconstruction(run)


def test_run_reconstruction_stores_images_and_reports_them(s3: Any, acquire: Acquire) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=acquire().read_bytes())
    manager = WorkflowManager()

    reconstruct(manager)

    dicom = s3.get_object(Bucket=BUCKET, Key="result/run-1/image.dcm")
    preview = s3.get_object(Bucket=BUCKET, Key="result/run-1/preview.png")
    assert dicom["ContentType"] == "application/dicom"
    assert pydicom.dcmread(io.BytesIO(dicom["Body"].read())).Rows == 32
    with Image.open(io.BytesIO(preview["Body"].read())) as png:
        assert png.size == (32, 32)
    *progress, result = manager.bodies
    assert progress == [{"dag_id": DAG_ID, "progress": 25}]
    assert result == {
        "dag_id": DAG_ID,
        "result_file": "s3://data-lake/result/run-1/image.dcm",
        "success": True,
        "results": [
            {
                "type": "DICOM",
                "key": "result/run-1/image.dcm",
                "preview_key": "result/run-1/preview.png",
                "metadata": {
                    "source_format": "ISMRMRD",
                    "matrix": [32, 32],
                    "kspace_matrix": [32, 64],
                    "n_coils": 2,
                    "n_averages": 1,
                    "coil_combination": "sum_of_squares",
                    "orientation_convention": "inverse",
                    "orientation_decided_by": "vendor",
                    "vendor": "Simulation",
                    "pixel_spacing_mm": [7.8125, 7.8125],
                    "slice_thickness_mm": 5.0,
                },
            }
        ],
    }


def test_run_reconstruction_reports_the_same_when_it_runs_again(s3: Any, acquire: Acquire) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=acquire().read_bytes())
    first, second = WorkflowManager(), WorkflowManager()

    reconstruct(first)
    reconstruct(second)

    assert first.bodies == second.bodies


@pytest.mark.parametrize(("n_slices", "n_results"), [(3, 3), (20, 20), (21, 1)])
def test_run_reconstruction_stores_a_series_and_reports_what_fits(
    s3: Any, tmp_path: Path, n_slices: int, n_results: int
) -> None:
    path = tmp_path / "series.h5"
    truth = draw_ellipsoids((n_slices, 16, 18))[np.newaxis, np.newaxis]
    write_measurement(path, truth, is_3d=n_slices > 3)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=path.read_bytes())
    manager = WorkflowManager()

    reconstruct(manager)

    names = [f"result/run-1/image-{number:04d}.dcm" for number in range(1, n_slices + 1)]
    stored = s3.list_objects_v2(Bucket=BUCKET, Prefix="result/")["Contents"]
    assert [item["Key"] for item in stored] == [*names, "result/run-1/preview.png"]
    body = manager.bodies[-1]
    assert body["result_file"] == f"s3://{BUCKET}/{names[0]}"
    assert [result["key"] for result in body["results"]] == names[:n_results]
    assert {result["preview_key"] for result in body["results"]} == {"result/run-1/preview.png"}
    assert {result["metadata"]["n_images"] for result in body["results"]} == {n_slices}
    middle = pydicom.dcmread(
        io.BytesIO(s3.get_object(Bucket=BUCKET, Key=names[n_slices // 2])["Body"].read())
    )
    preview = s3.get_object(Bucket=BUCKET, Key="result/run-1/preview.png")["Body"].read()
    with Image.open(io.BytesIO(preview)) as png:
        likeness = np.corrcoef(np.asarray(png).ravel(), middle.pixel_array.ravel())[0, 1]
    assert likeness > 0.98  # the preview clips the brightest pixels


def test_run_reconstruction_writes_the_same_series_when_it_runs_again(
    s3: Any, tmp_path: Path
) -> None:
    path = tmp_path / "series.h5"
    write_measurement(path, draw_ellipsoids((3, 16, 18))[np.newaxis, np.newaxis], is_3d=True)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=path.read_bytes())

    def run_and_read() -> list[bytes]:
        reconstruct(WorkflowManager())
        stored = s3.list_objects_v2(Bucket=BUCKET, Prefix="result/")["Contents"]
        return [s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read() for item in stored]

    assert run_and_read() == run_and_read()


def test_run_reconstruction_takes_the_version_it_is_told(s3: Any, acquire: Acquire) -> None:
    version = s3.put_object(Bucket=BUCKET, Key=KEY, Body=acquire().read_bytes())["VersionId"]
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"something else")
    manager = WorkflowManager()

    reconstruct(manager, version_id=version)

    assert manager.bodies[-1]["success"] is True


def test_run_reconstruction_logs_neither_conf_nor_token(
    s3: Any, acquire: Acquire, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=acquire().read_bytes())

    reconstruct(WorkflowManager())

    assert "Reconstructed 2 coils to 32 by 32 pixels." in caplog.messages
    assert "secret" not in caplog.text
    assert KEY not in caplog.text


def test_run_reconstruction_keeps_to_the_study_it_is_told(s3: Any, acquire: Acquire) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=acquire().read_bytes())
    manager = WorkflowManager()

    reconstruct(manager, study_instance_uid="2.25.1")

    stored = s3.get_object(Bucket=BUCKET, Key="result/run-1/image.dcm")["Body"].read()
    assert pydicom.dcmread(io.BytesIO(stored)).StudyInstanceUID == "2.25.1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("study_instance_uid", "Jane Doe"),
        ("patient_pseudonym", "Doe^Jane"),
        ("patient_pseudonym", 4711),
        ("study_date", "2026-11-29"),
        ("study_date", "20261329"),
        ("study_time", "10:15"),
        ("series_number", "1"),
        ("series_number", True),
        ("series_number", 0),
    ],
)
def test_run_conf_refuses_what_dicom_could_not_hold(name: str, value: object) -> None:
    with pytest.raises(RunConfError, match=name) as refusal:
        RunConf.from_mapping(CONF | {name: value})

    assert "Jane" not in str(refusal.value)


def test_run_conf_takes_what_the_workflow_manager_says_of_a_task() -> None:
    at = datetime(2026, 11, 29, tzinfo=UTC)
    run = DagRun(
        dag_run_id="run-1",
        dag_id=DAG_ID,
        bucket=BUCKET,
        study_instance_uid=derive_study_instance_uid("exam-1"),
        series_number=make_series_number("workflow-1", place=2, attempt=1),
        data=ObjectVersion(bucket=BUCKET, key=KEY, version_id="v1"),
        next_attempt_at=at,
        deadline=at,
        created_at=at,
    )

    conf = RunConf.from_mapping(dag_run_conf(run, [], CONF["workflow_manager_endpoint"], "token"))

    assert (conf.study_instance_uid, conf.series_number) == (
        run.study_instance_uid,
        run.series_number,
    )


@pytest.mark.parametrize(
    ("deployment", "conf", "is_named"),
    [
        (None, {}, False),
        ("1", {}, True),
        ("1", {"has_protocol_name": False}, False),
        (None, {"has_protocol_name": True}, True),
        (None, {"has_protocol_name": "yes"}, False),
    ],
)
def test_protocol_name_is_a_choice_of_deployment_and_run(
    monkeypatch: pytest.MonkeyPatch, deployment: str | None, conf: dict[str, Any], is_named: bool
) -> None:
    if deployment is not None:
        monkeypatch.setenv("SCANHUB_PROTOCOL_NAME_IN_DICOM", deployment)

    assert RunConf.from_mapping(CONF | conf).has_protocol_name is is_named


def test_run_reconstruction_leaves_images_that_the_disk_cannot_hold(
    s3: Any, acquire: Acquire, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=acquire().read_bytes())
    monkeypatch.setattr(series, "find_room", lambda _: 4 * 32 * 32 - 1)

    with pytest.raises(RawDataError, match="too large for the disk"):
        reconstruct(WorkflowManager())

    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="result/")


def test_images_are_made_without_a_run(tmp_path: Path) -> None:
    files: dict[str, str] = {}

    class Store:
        def upload(self, key: str, body: bytes, content_type: str) -> None:
            files[key] = content_type

    np.save(tmp_path / "raw.npy", np.ones((2, 8, 8), np.complex64))
    conf = RunConf("run-1", "bucket", "key", "result/run-1", "http://x", "token")
    series.store_images(read_raw_data(tmp_path / "raw.npy"), conf, Store(), lambda: None)

    assert files == {"preview.png": "image/png", "image.dcm": "application/dicom"}
    assert "token" not in repr(conf)
