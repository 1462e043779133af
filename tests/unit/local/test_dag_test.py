"""What `make dag-test` makes of a DAG's words, without Airflow."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from local.config import ROOT, StackError
from local.dag_test.__main__ import main, report
from local.dag_test.data_lake import BUCKET, fetch, list_files, list_sizes, put_input
from local.dag_test.manager import Manager, make_dag_run
from local.dag_test.run import Ended, check_file, check_found, judge
from tests.unit.dags.open_runs import serve_s3
from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.result import Result
from workflow_manager.ports import Dag

DAG_ID = "my_dag"
DAG = Dag(dag_id=DAG_ID, dag_display_name=DAG_ID, tags=("accepts:numpy",))
NUMPY = b"\x93NUMPY"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def manager(said: list[str]) -> Manager:
    run = make_dag_run(DAG_ID, BUCKET, needs_results=True)
    return Manager(lambda found: (run, []), said.append, url="http://127.0.0.1:1")


def begin(manager: Manager) -> tuple[DagRun, str]:
    """Return the run that began, and its token."""
    conf = manager.begin({})
    assert conf is not None
    assert manager.run is not None
    return manager.run, conf["user_token"]


def tell(manager: Manager, token: str, **body: Any) -> int:
    return manager.hear(token, json.dumps(body).encode())[0]


def make_result(run: DagRun, name: str = "a.npy") -> dict[str, Any]:
    return {"type": "NUMPY", "key": f"result/{run.dag_run_id}/{name}"}


def end(state: str, **tasks: str) -> dict[str, Any]:
    return {"state": state, "tasks": tasks, "errors": []}


def test_what_the_dag_tells_is_printed_and_judged(manager: Manager, said: list[str]) -> None:
    run, token = begin(manager)
    engine = {"name": "BART", "version": "0.9.00"}
    result = make_result(run)
    assert tell(manager, token, progress=50) == 200
    assert tell(manager, token, success=True, results=[result], engine=engine) == 200
    assert [line[10:] for line in said] == [
        "Airflow starts it.",
        "progress: 50 %",
        "success: 1 result, made by BART 0.9.00",
    ]
    ended = judge(manager, run, {result["key"]: 5}, 0)
    assert (ended.reason, [each.key for each in ended.results]) == (None, [result["key"]])


def test_the_first_word_of_the_end_counts(manager: Manager) -> None:
    run, token = begin(manager)
    assert tell(manager, token, success=False, error="The file is empty.") == 200
    assert tell(manager, token, success=False, error="The file is empty.") == 200
    assert tell(manager, token, success=True, results=[make_result(run)]) == 409
    assert judge(manager, run, {}, 0).reason == "The file is empty."


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"sucess": True}, 422),
        ({"success": True, "results": [{"type": "NUMPY", "key": "result/other/a.npy"}]}, 400),
    ],
)
def test_a_report_that_the_manager_refuses_is_told(
    manager: Manager, said: list[str], body: dict[str, Any], status: int
) -> None:
    run, token = begin(manager)
    assert tell(manager, token, **body) == status
    assert f"refuses a report with {status}: " in said[-1]
    assert judge(manager, run, {}, 0).is_told is False


def test_a_wrong_token_is_refused(manager: Manager) -> None:
    begin(manager)
    assert tell(manager, "wrong", success=False) == 401


@pytest.mark.parametrize(
    ("ended", "status", "reason"),
    [
        (end("failed", do="failed"), 0, "The DAG failed in Airflow, in do."),
        (end("success", do="success"), 0, "The DAG my_dag reported success without a result."),
        (None, -9, "Airflow's process was killed: the DAG ended it, or it had too little memory."),
        (
            None,
            3,
            "Airflow's process ended with status 3: the DAG ended it, or it had too little memory.",
        ),
    ],
)
def test_a_dag_that_tells_nothing_fails(
    manager: Manager, ended: Mapping[str, Any] | None, status: int, reason: str
) -> None:
    run, _ = begin(manager)
    manager.ended = ended
    found = judge(manager, run, {}, status)
    assert (found.reason, found.is_told) == (reason, False)


def test_files_of_a_dag_that_tells_nothing_are_its_results(manager: Manager) -> None:
    # As the workflow manager finds them, for DAGs of ScanHub's time
    run, _ = begin(manager)
    manager.ended = end("success", do="success")
    found = judge(manager, run, {make_result(run)["key"]: 5, "upload/raw.npy": 5}, 0)
    assert (found.reason, len(found.results)) == (None, 1)


def test_a_result_that_was_not_stored_is_a_failure(manager: Manager) -> None:
    run, token = begin(manager)
    tell(manager, token, success=True, results=[make_result(run)])
    reason = judge(manager, run, {}, 0).reason
    assert reason == "The DAG told a result that it did not store: a.npy."


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ({"dags": {}, "errors": []}, "There is no DAG in dags/my.py."),
        ({"dags": {"a": [], "b": []}, "errors": []}, r"more than one DAG \(a, b\)"),
        (
            {"dags": {}, "errors": ['  File "/x/my.py", line 2, in <module>\nImportError: no x']},
            r"Airflow cannot read dags/my.py: ImportError: no x \(line 2\)",
        ),
    ],
)
def test_a_file_without_one_dag_is_refused(found: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StackError, match=sentence):
        check_found(found, Path("dags/my.py"))


def test_a_refused_file_has_no_run(manager: Manager) -> None:
    def refuse(found: Mapping[str, Any]) -> Any:
        raise StackError("There is no DAG.")

    manager.make_run = refuse
    assert manager.begin({}) is None
    assert (manager.refusal, manager.run) == ("There is no DAG.", None)


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(NUMPY)
    check_file(DAG, tmp_path / "a.npy")
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(StackError, match=r"accepts numpy; FILE=.*a\.h5 is HDF5"):
        check_file(DAG, tmp_path / "a.h5")


def test_a_folder_is_a_series_by_name_without_pictures(tmp_path: Path) -> None:
    for name in ("b.dcm", "a.DCM", "preview.png", "airflow.log", ".scanhub-run"):
        (tmp_path / name).touch()
    assert [path.name for path in list_files(tmp_path)] == ["a.DCM", "b.dcm"]


@pytest.mark.parametrize("is_series", [True, False])
def test_the_conf_is_what_its_schema_says(
    is_series: bool, manager: Manager, tmp_path: Path
) -> None:
    # Given a file, or a folder of two
    for name in ("a.npy", "b.npy"):
        (tmp_path / name).write_bytes(NUMPY)
    with serve_s3() as client:
        # When it becomes the input of a run
        data, given = put_input(client, tmp_path if is_series else tmp_path / "a.npy", DAG_ID)
        sizes = list_sizes(client)
    run = make_dag_run(DAG_ID, BUCKET, data=data, parameters={"strength": 2})
    manager.make_run = lambda found: (run, [given])
    conf = manager.begin({})
    # Then the conf keeps the contract, and all files are there
    schema = json.loads((ROOT / "docs/dags/conf.schema.json").read_text())
    Draft202012Validator(schema).validate(conf)
    assert conf is not None
    assert conf["parameters"] == {"strength": 2}
    assert [each["key"] for each in given["results"]] == sorted(sizes)
    assert {each["type"] for each in given["results"]} == {"NUMPY" if is_series else None}
    assert len(sizes) == (2 if is_series else 1)


def test_results_are_copied_below_the_folder_only(tmp_path: Path) -> None:
    keys = ["result/r/sub/a.npy", "result/r/../../../b.npy", "/c.npy"]
    with serve_s3() as client:
        for key in keys:
            client.put_object(Bucket=BUCKET, Key=key, Body=b"image")
        results = [Result.model_validate({"type": "NUMPY", "key": key}) for key in keys]
        fetch(client, results, "result/r", tmp_path / "out")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files == [tmp_path / "out/sub/a.npy"]


def test_the_report_says_what_is_there_and_what_nobody_finds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = make_dag_run(DAG_ID, BUCKET)
    key = make_result(run)["key"]
    fields = {"metadata": {"matrix": [8, 8]}, "preview_key": f"result/{run.dag_run_id}/a.png"}
    result = Result.model_validate(make_result(run) | fields)
    sizes = {key: 1234, str(result.preview_key): 5, f"result/{run.dag_run_id}/b.npy": 5}
    report(Ended(run, None, (result,), sizes), Path("out"), 9.0)
    assert capsys.readouterr().out.splitlines() == [
        "Result a.npy: NUMPY, 1,234 bytes, matrix: (8, 8), preview a.png",
        "Not told, so nobody finds it: b.npy",
        "The DAG succeeded. Its files are in out. The test took 9.0 s.",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["", ""], "Name both: make dag-test DAG="),
        (["no.py", __file__], "DAG=no.py is no file."),
        ([__file__, "no.h5"], "FILE=no.h5 is no file and no folder."),
        ([__file__, __file__, "--parameters", "{"], "PARAMETERS= must be a JSON object"),
        ([__file__, __file__, "--parameters", '{"name": "Jane Doe"}'], "Entry 1 of PARAMETERS= is"),
    ],
)
def test_a_wrong_call_is_told_in_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    assert sentence in capsys.readouterr().err
