"""What the kit does for every DAG, without Airflow."""

from __future__ import annotations

import io
import json
import logging
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from scanhub_dag import (
    InputResult,
    Run,
    RunError,
    airflow_task,
    object_store,
    open_run,
    report_failure,
)
from scanhub_dag.conf import DagRunConf
from scanhub_dag.object_store import ObjectStore
from tests.unit.dags.open_runs import BUCKET, CONF, DAG_ID, KEY, StartedRun, WorkflowManager

RAW = InputResult(BUCKET, KEY)


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


class Task:
    """Airflow's context of a task, in its words."""

    def __init__(self, try_number: int, max_tries: int) -> None:
        self.try_number, self.max_tries = try_number, max_tries

    @property
    def context(self) -> dict[str, Any]:
        task = SimpleNamespace(execution_timeout=timedelta(minutes=30))
        return {"ti": self, "task": task, "dag": SimpleNamespace(tags={"reconstruction"})}


class AirflowTaskTimeout(BaseException):
    """As Airflow's, which is no Exception."""


AirflowFailException = type("AirflowFailException", (Exception,), {})  # Airflow's own name


@pytest.mark.parametrize(
    ("error", "try_number", "max_tries", "sentence"),
    [
        (ValueError(), 1, 2, None),
        (ValueError(), 2, 2, None),
        (ValueError(), 3, 2, "The DAG failed unexpectedly (ValueError)."),
        (ValueError(), 0, 0, "The DAG failed unexpectedly (ValueError)."),
        (AirflowTaskTimeout(), 1, 2, None),
        (AirflowTaskTimeout(), 3, 2, "The DAG took longer than its 1800 seconds."),
        (AirflowFailException("Doe"), 1, 2, "The DAG failed unexpectedly (AirflowFailException)."),
        (type("TaskDeferred", (BaseException,), {})(), 1, 0, None),
    ],
)
def test_failure_is_told_when_airflow_does_not_try_again(
    s3: Any,
    manager: WorkflowManager,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    try_number: int,
    max_tries: int,
    sentence: str | None,
) -> None:
    context = Task(try_number, max_tries).context
    monkeypatch.setattr(airflow_task, "find_context", lambda: context)

    with (
        pytest.raises(type(error)),
        open_run(StartedRun(), transport=manager.transport),
    ):
        raise error
    if sentence:  # Airflow calls this after a last try
        told = context | {"dag_run": StartedRun(), "exception": error}
        report_failure(told, transport=manager.transport)

    assert [body["error"] for body in manager.bodies] == ([sentence] if sentence else [])


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("AccessDenied", "Input 1 was erased, or the worker's role may not read it."),
        ("MethodNotAllowed", "Input 1 is not in the data lake any more."),
        ("InvalidObjectState", "Input 1 is archived: it must be restored before a DAG can read"),
    ],
)
def test_download_says_why_s3_refuses(tmp_path: Path, s3: Any, code: str, sentence: str) -> None:
    store = ObjectStore()
    with Stubber(store._client) as stub, pytest.raises(RunError, match=sentence):
        stub.add_client_error("get_object", code)
        store.download(RAW, tmp_path / "raw", name="Input 1")


def test_download_fails_for_another_try_when_s3_is_away(tmp_path: Path, s3: Any) -> None:
    store = ObjectStore()
    with Stubber(store._client) as stub, pytest.raises(ClientError):
        stub.add_client_error("get_object", "ServiceUnavailable")
        store.download(RAW, tmp_path / "raw", name="Input 1")


def test_download_that_breaks_off_begins_again(tmp_path: Path, s3: Any) -> None:
    store, whole = ObjectStore(), b"raw data"
    with Stubber(store._client) as stub:
        for body in (whole[:3], whole):
            stream = StreamingBody(io.BytesIO(body), len(whole))
            stub.add_response("get_object", {"Body": stream, "ContentLength": len(whole)})
        store.download(RAW, tmp_path / "raw", name="Input 1")

    assert (tmp_path / "raw").read_bytes() == whole


def test_download_leaves_room_on_the_disk(
    tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, KEY, bytes(1001))
    monkeypatch.setattr(object_store, "find_room", lambda _: 1000)

    with pytest.raises(RunError, match="too large for the disk of the worker"):
        ObjectStore().download(RAW, tmp_path / "raw", name="Input 1")

    assert (tmp_path / "raw").stat().st_size == 0


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
