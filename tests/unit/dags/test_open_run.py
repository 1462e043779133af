"""What the kit does for every DAG, without Airflow."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from scanhub_dag import (
    Run,
    RunError,
    open_run,
    report_failure,
)
from scanhub_dag.conf import DagRunConf
from tests.unit.dags.open_runs import BUCKET, CONF, DAG_ID, KEY, StartedRun, WorkflowManager


@pytest.fixture
def manager() -> WorkflowManager:
    return WorkflowManager()


def put(s3: Any, key: str, body: bytes = b"raw") -> dict[str, Any]:
    """Write an object; return it as the conf names it."""
    version_id = s3.put_object(Bucket=BUCKET, Key=key, Body=body)["VersionId"]
    return {"bucket": BUCKET, "key": key, "version_id": version_id, "type": None}


def write(run: Run, name: str, body: bytes = b"image") -> Path:
    path = run.folder / name
    path.write_bytes(body)
    return path


def list_keys(s3: Any) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_run_reports_its_results_when_the_block_is_left(s3: Any, manager: WorkflowManager) -> None:
    with open_run(StartedRun(), transport=manager.transport) as run:
        preview = write(run, "preview.png")
        for name in ("a.npy", "b.dcm"):
            path = write(run, name, name.encode())
            kind: Any = "DICOM" if name == "b.dcm" else "NUMPY"
            run.add_result(path, type=kind, metadata={"n_coils": 2}, preview=preview)

    facts = {"preview_key": "result/run-1/preview.png", "metadata": {"n_coils": 2}}
    assert manager.bodies == [
        {
            "dag_id": DAG_ID,
            "success": True,
            "result_file": "s3://data-lake/result/run-1/a.npy",
            "results": [
                {"type": "NUMPY", "key": "result/run-1/a.npy", **facts},
                {"type": "DICOM", "key": "result/run-1/b.dcm", **facts},
            ],
        }
    ]
    stored = s3.get_object(Bucket=BUCKET, Key="result/run-1/b.dcm")
    assert (stored["Body"].read(), stored["ContentType"]) == (b"b.dcm", "application/dicom")
    assert not run.folder.exists()


def test_run_has_all_inputs_in_order_and_a_missing_one_empty(
    s3: Any, manager: WorkflowManager
) -> None:
    series = [put(s3, f"result/r/{n}.dcm", str(n).encode()) for n in range(3)]
    nothing = dict.fromkeys(("bucket", "key", "version_id", "type"))
    inputs = [
        {"task_id": "t1", "dag_run_id": None, **nothing, "results": []},
        {"task_id": "t2", "dag_run_id": "r", **series[0], "results": series},
    ]

    with open_run(StartedRun(inputs=inputs), transport=manager.transport) as run:
        missing, found = run.inputs
        assert missing.download() == []
        paths = found.download()
        read = [(path.suffix, path.read_bytes()) for path in paths]

    assert [each.task_id for each in (missing, found)] == ["t1", "t2"]
    assert found.dag_run_id == "r"
    assert read == [(".dcm", b"0"), (".dcm", b"1"), (".dcm", b"2")]


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ([], "The DAG works on more inputs than the task takes."),
        ([{"results": []}], "The DAG works on more files than its input has left."),
    ],
)
def test_run_without_the_data_that_it_works_on_says_so(
    s3: Any, manager: WorkflowManager, inputs: list[dict[str, Any]], sentence: str
) -> None:
    with (
        pytest.raises(RunError, match=sentence),
        open_run(StartedRun(inputs=inputs, key=None), transport=manager.transport) as run,
    ):
        run.inputs[0].download()[0]

    assert manager.bodies == [{"dag_id": DAG_ID, "success": False, "error": sentence}]


def test_run_takes_the_version_that_it_is_told(s3: Any, manager: WorkflowManager) -> None:
    told = put(s3, KEY, b"first")
    put(s3, KEY, b"second")

    with open_run(StartedRun(inputs=[told]), transport=manager.transport) as run:
        [path] = run.inputs[0].download()
        assert path.read_bytes() == b"first"


@pytest.mark.parametrize("before", [{}, {"inputs": []}, {"inputs": None}])
def test_run_of_a_workflow_manager_before_version_1_has_its_input(
    s3: Any, manager: WorkflowManager, before: dict[str, Any]
) -> None:
    put(s3, KEY)

    with open_run(StartedRun(**before), transport=manager.transport) as run:
        [path] = run.inputs[0].download()
        assert path.read_bytes() == b"raw"


@pytest.mark.parametrize("version_id", [None, "00000000-0000-0000-0000-000000000000"])
def test_run_says_that_an_input_was_erased(
    s3: Any, manager: WorkflowManager, version_id: str | None
) -> None:
    with (
        pytest.raises(RunError),
        open_run(StartedRun(version_id=version_id), transport=manager.transport) as run,
    ):
        run.inputs[0].download()

    assert manager.bodies == [
        {
            "dag_id": DAG_ID,
            "success": False,
            "error": "Input 1 is not in the data lake any more.",
        }
    ]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RunError("The file is empty."), "The file is empty."),
        (ValueError("Jane Doe"), "The DAG failed unexpectedly (ValueError)."),
        (RunError("No file \udcff."), "No file ?."),
        (KeyboardInterrupt(), "The DAG failed unexpectedly (KeyboardInterrupt)."),
    ],
)
def test_run_reports_its_failure(
    s3: Any, manager: WorkflowManager, error: BaseException, sentence: str
) -> None:
    with (
        pytest.raises(type(error)),
        open_run(StartedRun(), transport=manager.transport) as run,
    ):
        run.add_result(write(run, "a.dcm"), type="DICOM")
        raise error

    assert manager.bodies == [{"dag_id": DAG_ID, "success": False, "error": sentence}]


def test_result_whose_upload_failed_is_not_told_and_may_be_added_again(
    s3: Any, manager: WorkflowManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_run(StartedRun(), transport=manager.transport) as run:
        upload, path = run._store.upload, write(run, "a.dcm")
        monkeypatch.setattr(run._store, "upload", lambda *_: 1 / 0)
        for name in ("a.dcm", "b.dcm"):
            with pytest.raises(ZeroDivisionError):
                run.add_result(path, type="DICOM", name=name)
        monkeypatch.setattr(run._store, "upload", upload)
        run.add_result(path, type="DICOM")

    [body] = manager.bodies
    assert [each["key"] for each in body["results"]] == list_keys(s3) == ["result/run-1/a.dcm"]


def test_run_that_is_refused_fails_at_once(s3: Any) -> None:
    manager = WorkflowManager(422)

    with (
        pytest.raises(RunError, match="status 422"),
        open_run(StartedRun(), transport=manager.transport) as run,
    ):
        run.add_result(write(run, "a.dcm"), type="DICOM")

    assert manager.bodies[-1]["error"] == "The workflow manager refused the message (status 422)."


def test_run_that_nobody_hears_leaves_its_files(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhub_dag.callback._TOTAL_S", 0)

    with open_run(StartedRun(), transport=WorkflowManager(503).transport) as run:
        run.add_result(write(run, "a.dcm"), type="DICOM")

    assert list_keys(s3) == ["result/run-1/a.dcm"]


def test_run_that_was_cancelled_does_not_fail(s3: Any, caplog: pytest.LogCaptureFixture) -> None:
    manager = WorkflowManager(409)

    with open_run(StartedRun(), transport=manager.transport) as run:
        run.add_result(write(run, "a.dcm"), type="DICOM")

    assert "it was cancelled, or has reported already" in caplog.text
    assert len(manager.bodies) == 1


@pytest.mark.parametrize("name", ["bucket", "user_token", "output_prefix", "dag_run_id"])
@pytest.mark.parametrize("value", [None, "", 3])
def test_run_names_what_its_conf_lacks(manager: WorkflowManager, name: str, value: object) -> None:
    with (
        pytest.raises(RunError, match=f"configuration lacks {name}\\."),
        open_run(StartedRun(**{name: value}), transport=manager.transport),
    ):
        pass

    assert len(manager.bodies) == (name != "user_token")


def test_run_without_a_conf_says_so(caplog: pytest.LogCaptureFixture) -> None:
    started = StartedRun()
    started.conf = None

    with pytest.raises(RunError, match="lacks dag_run_id, bucket"), open_run(started):
        pass

    assert "names nobody to report the failure to" in caplog.text


def test_report_failure_speaks_for_a_task_that_could_not() -> None:
    manager = WorkflowManager()

    report_failure({"dag_run": StartedRun(), "exception": None}, transport=manager.transport)

    [body] = manager.bodies
    assert body["error"] == "The DAG was killed, or its worker was lost."


@pytest.mark.parametrize("conf", [{}, {"user_token": None}])
def test_report_failure_never_fails(conf: dict[str, Any]) -> None:
    context = {"dag_run": StartedRun(**conf), "exception": RunError("The file is empty.")}

    report_failure(context, transport=WorkflowManager(401).transport)


def test_kit_shows_neither_token_nor_key(
    s3: Any, manager: WorkflowManager, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "scanhub_dag")
    put(s3, KEY)

    with open_run(StartedRun(conf_version=7), transport=manager.transport) as run:
        run.inputs[0].download()

    assert "is of version 7" in caplog.text
    assert "secret" not in caplog.text + repr(DagRunConf.from_mapping(CONF))
    assert KEY not in caplog.text
    assert json.dumps(manager.bodies).count("engine") == 1


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        (("SigPy", "0.1.26"), {"name": "SigPy", "version": "0.1.26"}),
        (("SigPy", "of Jane Doe"), None),
        (("", ""), None),
    ],
)
def test_run_tells_its_engine_where_it_is_understood(
    s3: Any, engine: tuple[str, str], told: dict[str, str] | None
) -> None:
    for version, expected in ((1, told), (None, None)):
        manager = WorkflowManager()
        with open_run(StartedRun(conf_version=version), transport=manager.transport) as run:
            run.engine = engine

        assert manager.bodies[-1].get("engine") == expected


@pytest.mark.parametrize(
    "conf",
    [
        {"inputs": "raw.h5"},
        {"inputs": [3]},
        {"inputs": [{"results": [{"bucket": BUCKET}]}]},
        {"inputs": [{"key": KEY}]},
        {"parameters": [1]},
    ],
)
def test_run_refuses_a_conf_that_it_would_misread(
    manager: WorkflowManager, conf: dict[str, Any]
) -> None:
    with (
        pytest.raises(RunError, match="The run's configuration has"),
        open_run(StartedRun(**conf), transport=manager.transport),
    ):
        pass

    assert len(manager.bodies) == 1
