"""`make dag-test` with the real Airflow: each end of a DAG, and what is told of it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from local.config import ROOT
from local.dag_test.run import LOG

HEAD = """\
import os, subprocess, time
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, task

from scanhub_dag import RunError, open_run, report_failure

with DAG(
    dag_id="tried",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    default_args={"on_failure_callback": report_failure},
):

    @task(retries=1)
    def do(dag_run=None):
"""
IN_RUN = "        with open_run(dag_run) as run:\n            "
CALL = "\n\n    do()\n"


def dag_test(
    folder: Path, text: str, *options: str, timeout_s: float = 200
) -> subprocess.CompletedProcess[str]:
    dag = folder / "tried.py"
    dag.write_text(text)
    np.save(folder / "kspace.npy", np.ones((8, 8), np.complex64))
    command = [sys.executable, "-m", "local.dag_test", str(dag), str(folder / "kspace.npy")]
    return subprocess.run(  # noqa: S603 - our own words, no shell
        [*command, "--out", str(folder / "out"), *options],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "layers/workflow_manager")},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def test_a_dag_that_succeeds_on_its_second_try_leaves_its_result(tmp_path: Path) -> None:
    body = (
        "path = run.inputs[0].download()[0]\n"
        f"            if not os.path.exists({str(tmp_path / 'tried')!r}):\n"
        f"                open({str(tmp_path / 'tried')!r}, 'w').close()\n"
        "                raise ConnectionError\n"
        "            run.report_progress(50)\n"
        "            run.add_result(path, type='NUMPY', name='copy.npy', "
        "metadata={'strength': run.parameters['strength']})"
    )
    done = dag_test(tmp_path, HEAD + IN_RUN + body + CALL, "--parameters", '{"strength": 2}')
    assert done.returncode == 0, done.stdout + done.stderr
    assert "progress: 50 %" in done.stdout
    assert "Result copy.npy: NUMPY, 640 bytes, strength: 2" in done.stdout
    copy = tmp_path / "out/copy.npy"
    assert copy.read_bytes() == (tmp_path / "kspace.npy").read_bytes()


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            HEAD + IN_RUN + "raise ValueError('Jane Doe')" + CALL,
            ["The DAG failed: The DAG failed unexpectedly (ValueError).", 'tried.py", line 18, in'],
        ),
        (
            HEAD + IN_RUN + "raise RunError('The file is empty.')" + CALL,
            ["The DAG failed: The file is empty.", 'tried.py", line 18, in do'],
        ),
        (HEAD + IN_RUN + "pass" + CALL, ["The DAG failed: The DAG ended without a result."]),
        (HEAD + "        pass" + CALL, ["The DAG told nothing of its end", "without a result."]),
        (HEAD + "        os._exit(3)" + CALL, ["Airflow's process ended with status 3"]),
    ],
    ids=["raises", "says why", "leaves nothing", "says nothing", "takes Airflow with it"],
)
def test_a_dag_that_fails_is_told(text: str, sentences: list[str], tmp_path: Path) -> None:
    done = dag_test(tmp_path, text)
    assert done.returncode == 1
    assert all(each in done.stdout for each in sentences), done.stdout + done.stderr
    assert (tmp_path / "out" / LOG).stat().st_size > 0


def test_a_dag_that_hangs_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    body = (
        "        child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"        open({str(marker)!r}, 'w').write(str(child.pid))\n"
        "        time.sleep(600)"
    )
    done = dag_test(tmp_path, HEAD + body + CALL, "--timeout-s", "45")
    assert done.returncode == 1
    assert "has not ended in 45 s and was stopped" in done.stderr
    if marker.exists():  # a busy machine may not have come so far
        state = Path(f"/proc/{marker.read_text()}/stat")
        assert not state.exists() or state.read_text().split()[2] == "Z"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("# airflow, dag\nimport no_such_module\n", "No module named 'no_such_module' (line 2)"),
        ("# airflow, dag\n", "There is no DAG in "),
        (
            HEAD
            + "        pass"
            + CALL
            + HEAD[HEAD.index("with DAG") :].replace("tried", "two")
            + "        pass"
            + CALL,
            "holds more than one DAG (tried, two)",
        ),
    ],
    ids=["import error", "no DAG", "two DAGs"],
)
def test_a_file_without_one_dag_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    done = dag_test(tmp_path, text)
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)
    assert sentence in done.stderr
