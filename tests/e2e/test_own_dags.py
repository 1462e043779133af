"""A user's own DAG on the stack that is up: listed without a restart, and what is wrong with it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.laptop import Json, Laptop, wait_until

DAG = """\"\"\"A DAG of somebody's own.\"\"\"

from datetime import UTC, datetime

from airflow.sdk import DAG, task
import scanhub_reconstruction  # as the project's own do

with DAG(
    dag_id="own",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    is_paused_upon_creation=False,
):

    @task
    def reconstruct():
        raise ValueError("Jane Doe")  # and tells nobody

    reconstruct()
"""
BROKEN = "# An Airflow DAG that lacks a module\nimport no_such_module\n"
# The dag processor looks for new files every 5 s; on a busy machine it then takes its time.
LISTED_TIMEOUT_S = 30.0
FAILED_TIMEOUT_S = 60.0


@pytest.fixture
def file(laptop: Laptop) -> Iterator[Path]:
    """Return where a DAG is put to, and leave Airflow as it was."""
    folder = laptop.config.own_dags_folder
    assert folder is not None
    path = folder / "own.py"
    yield path
    path.unlink(missing_ok=True)
    wait_until(lambda: not find_errors(laptop), "Airflow to forget the error", LISTED_TIMEOUT_S)


def list_tasks(laptop: Laptop) -> Json:
    return dict(laptop.api.get("/tasks/").raise_for_status().json()["tasks"])


def find_dag(laptop: Laptop) -> list[Json]:
    return [dag for dag in list_tasks(laptop)["dags"] if dag["dag_id"] == "own"]


def find_errors(laptop: Laptop) -> list[Json]:
    return [error for error in list_tasks(laptop)["import_errors"] if error["filename"] == "own.py"]


def test_dag_is_listed_and_its_error_told_without_a_restart(
    laptop: Laptop, file: Path, small_kspace: bytes, measurements: dict[str, float]
) -> None:
    # Given a folder of one's own; when a DAG is put there
    started = time.monotonic()
    file.write_text(DAG)
    # Then it is listed
    [dag] = wait_until(lambda: find_dag(laptop), "the DAG to be listed", LISTED_TIMEOUT_S)
    measurements["from a DAG's file to GET /tasks/"] = time.monotonic() - started
    assert not dag["has_import_errors"]
    # When it is broken
    started = time.monotonic()
    file.write_text(BROKEN)
    # Then API, command line and doctor say what is wrong, and where
    [error] = wait_until(lambda: find_errors(laptop), "the import error", LISTED_TIMEOUT_S)
    measurements["from a DAG's error to GET /tasks/"] = time.monotonic() - started
    assert error["error"] == "ModuleNotFoundError: No module named 'no_such_module' (line 2)"
    sentence = f"Airflow cannot read own.py: {error['error']}"
    for command in ("tasks", "doctor"):
        assert sentence in type_command(laptop, command)
    # When it is mended; then nothing is wrong any more
    file.write_text(DAG)
    wait_until(lambda: not find_errors(laptop), "the error to go", LISTED_TIMEOUT_S)
    [dag] = wait_until(lambda: find_dag(laptop), "the DAG to be listed", LISTED_TIMEOUT_S)
    assert not dag["has_import_errors"]
    # When a run of it fails without a word
    data = file.with_name("raw.npy")
    data.write_bytes(small_kspace)
    run_id = laptop.upload(data, "own")
    data.unlink()
    started = time.monotonic()
    run = wait_until(lambda: find_failed(laptop, run_id), "the run to fail", FAILED_TIMEOUT_S)
    measurements["from an upload to the failure of a silent DAG"] = time.monotonic() - started
    # Then the reconciler tells which task it was, and what was raised, without its text
    assert run["reason"] == "The DAG failed in Airflow, in reconstruct (ValueError)."


def find_failed(laptop: Laptop, run_id: str) -> Json | None:
    laptop.reconcile()
    run = laptop.find_run(run_id)
    return run if run and run["state"] == "FAILED" else None


def type_command(laptop: Laptop, command: str) -> str:
    login = {
        "SCANHUB_WORKFLOW_URL": laptop.stack.api_url,
        "SCANHUB_WORKFLOW_TOKEN": laptop.stack.token,
    }
    program = Path(sys.executable).with_name("scanhub-workflow")
    ended = subprocess.run(  # noqa: S603 - our own command, no shell
        [program, command], env=os.environ | login, capture_output=True, text=True, check=False
    )
    return ended.stdout + ended.stderr
