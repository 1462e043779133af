"""Airflow's process, which runs the DAG by `dag.test()` in an empty database of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from local.airflow import find_engine
from local.config import ROOT, StackConfig, StackError, aws_environ, clean_environ
from local.setup import AIRFLOW

CHILD = Path(__file__).with_name("child.py")
DAGS = ROOT / "dags"
MIGRATE_TIMEOUT_S = 120


def run_airflow(dag: Path, url: str, config: StackConfig, log: Path, timeout_s: float) -> int:
    """Run Airflow's process to its end; return its exit status.

    Raises
    ------
    StackError
        It has not ended in time, and was stopped with all that it had started.
    """
    home = config.folder / "airflow"
    home.mkdir()
    environ = make_airflow_environ(dag, home, config)
    place_database(home, environ)
    command = [str(AIRFLOW.python), str(CHILD), str(dag.resolve()), url]
    with log.open("wb") as output, start(command, environ, output) as process:
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise StackError(
                f"The DAG has not ended in {timeout_s:g} s and was stopped. TIMEOUT_S= gives it "
                "more. A run of the workflow manager would be FAILED at its deadline."
            ) from None


@contextmanager
def start(
    command: list[str], environ: Mapping[str, str], output: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process in a group of its own, of which nothing is left behind the block."""
    process = subprocess.Popen(  # noqa: S603 - our own words, no shell
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        # What a DAG has started, in a session of its own too, and what it has left behind.
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def make_airflow_environ(dag: Path, home: Path, config: StackConfig) -> dict[str, str]:
    """Return the variables of Airflow's process, as those of the laptop stack."""
    folders = [DAGS]
    # As the laptop's Airflow: its folders of DAGs are on the path, and no folder below them.
    if not dag.resolve().is_relative_to(DAGS):
        folders.append(dag.resolve().parent)
    settings = {
        "CORE__DAGS_FOLDER": str(folders[-1]),
        "CORE__LOAD_EXAMPLES": "False",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return (
        clean_environ(
            **aws_environ(config),
            AIRFLOW_HOME=str(home),
            PYTHONPATH=os.pathsep.join(map(str, folders)),
            TMPDIR=str(home),
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
        )
        | find_engine()
    )


def place_database(home: Path, environ: Mapping[str, str]) -> None:
    """Put an empty database of this Airflow there; making one takes seconds, so it is kept."""
    kept = AIRFLOW.folder / f"empty-{AIRFLOW.digest()[:12]}.db"
    database = home / "airflow.db"
    if kept.is_file():
        shutil.copyfile(kept, database)
        return
    command = [str(AIRFLOW.python), "-m", "airflow", "db", "migrate"]
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        command, env=environ, capture_output=True, timeout=MIGRATE_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise StackError("Airflow cannot make its database: make setup, then again.")
    # Two tests at a time each see a whole file or none.
    shutil.copyfile(database, partial := kept.with_suffix(f".{os.getpid()}"))
    partial.replace(kept)
