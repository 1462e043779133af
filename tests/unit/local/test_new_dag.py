"""What `make new-dag` writes, and refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.config import ROOT, StackError
from local.new_dag import KINDS, OWN, describe_next, main, write_dag


def test_its_tests_succeed_without_airflow(tmp_path: Path) -> None:
    # Given a new DAG of each kind, outside of the project; when their tests are run
    for kind in KINDS:
        write_dag(f"my_{kind}", kind, tmp_path / "new" / "dags")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path / "new" / "dags",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "dags")},
        capture_output=True,
        text=True,
        check=False,
    )
    # Then all succeed
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "4 passed" in ended.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_the_dag_is_short_and_bears_its_name(kind: str, tmp_path: Path) -> None:
    dag, test = write_dag("my_own", kind, tmp_path)
    text = dag.read_text()
    assert 'dag_id="my_own"' in text
    assert "my_dag" not in text + test.read_text()
    assert len(text.splitlines()) < 50


@pytest.mark.parametrize(
    "name",
    [
        "",
        "My_dag",
        "my-dag",
        "../dag",
        "1dag",
        "a",
        "my dag",
        "json",
        "numpy",
        "test_dag",
        "x" * 101,
        "image_quality",
        "scanhub_dag",
        "engines",
    ],
)
def test_a_name_that_means_something_else_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--folder", str(tmp_path / "dags")]) == 1
    assert capsys.readouterr().err.startswith("NAME=")
    assert not (tmp_path / "dags").exists()


@pytest.mark.parametrize("there", ["my_own.py", "test_my_own.py"])
def test_nothing_is_overwritten(there: str, tmp_path: Path) -> None:
    # Given one of the files; when the DAG is to be written
    (tmp_path / there).write_text("mine")
    with pytest.raises(StackError, match="is there already"):
        write_dag("my_own", "reconstruction", tmp_path)
    # Then it is as it was, and nothing is beside it
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_the_folders_own_rules_for_airflow_stay(tmp_path: Path) -> None:
    (tmp_path / ".airflowignore").write_text("mine")
    write_dag("my_own", "reconstruction", tmp_path)
    assert (tmp_path / ".airflowignore").read_text() == "mine"


@pytest.mark.parametrize("wrong", [["--kind", "imaging"], ["--folder", __file__]])
def test_another_kind_or_a_file_as_folder_is_refused(
    wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["my_own", "--folder", str(tmp_path), *wrong]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_what_to_type_next_names_the_folder_only_if_it_must(tmp_path: Path) -> None:
    elsewhere = [tmp_path / "my dags" / name for name in ("a.py", "test_a.py")]
    assert f"make up DAGS='{tmp_path}/my dags'" in describe_next(elsewhere, "reconstruction")
    assert describe_next([OWN / "a.py", OWN / "test_a.py"], "processing").endswith("\n  make up")
