"""The laptop's Airflow: real API server, scheduler and DAG processor on SQLite."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from local.config import HOST, ROOT, StackConfig, StackError, aws_environ, clean_environ
from local.probes import get_json, is_airflow_ready, make_client
from local.processes import Processes
from local.setup import ENGINE
from local.state import AirflowSecrets, write_private

VENV = ROOT / ".venv-airflow"
USERNAME = "workflow-manager"
SETTINGS_FOLDER = ROOT / "local" / "airflow_settings"
ENGINE_VARIABLE = "SCANHUB_PIPE_COMMAND"
PREPARE_TIMEOUT_S = 120
READY_TIMEOUT_S = 120
SERVICES = ("airflow-api", "airflow-scheduler", "airflow-dag-processor")
# A new DAG file is found after this time; one that has changed at once [s].
REFRESH_INTERVAL_S = 5


def prepare_airflow(config: StackConfig, processes: Processes) -> None:
    """Make the database, or bring the one that was kept to this version of Airflow."""
    secrets = AirflowSecrets.read(config.folder)
    home = config.airflow_home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(home / "passwords.json", json.dumps({USERNAME: secrets.password}))
    environ = make_airflow_environ(config, secrets)
    processes.run("airflow-setup", _airflow("db", "migrate"), environ, PREPARE_TIMEOUT_S)
    let_readers_pass(home / "airflow.db")


def start_airflow(config: StackConfig, processes: Processes) -> None:
    """Start API server, scheduler and DAG processor on the existing database."""
    environ = make_airflow_environ(config, AirflowSecrets.read(config.folder))
    host = ["--host", HOST, "--port", str(config.airflow_port)]
    processes.start("airflow-api", _airflow("api-server", *host), environ)
    # -s: without it, the scheduler serves its logs on all interfaces.
    preloading = {**environ, "SCANHUB_PRELOAD": "1"}
    processes.start("airflow-scheduler", _airflow("scheduler", "-s"), preloading)
    # Without it, Airflow would see new and changed DAG files at the next start only.
    processes.start("airflow-dag-processor", _airflow("dag-processor"), environ)


def wait_for_airflow(config: StackConfig, processes: Processes) -> None:
    """Wait until Airflow is healthy and shows the DAG as ready to run."""

    def is_ready() -> bool:
        are_running = all(processes.is_running(name) for name in SERVICES)
        return are_running and is_airflow_ready(config)

    processes.wait_until("airflow-api", is_ready, "a healthy Airflow", READY_TIMEOUT_S)
    # The first call builds the part of the API that tasks use; else the first task would wait.
    get_json(f"{config.airflow_url}/execution/health", timeout_s=30)
    token = log_in(config, AirflowSecrets.read(config.folder).password)

    def has_read_dag() -> bool:
        return read_dag(config, token) is not None or bool(read_import_errors(config, token))

    what = f"the DAG {config.dag_id} of {config.dags_folder}"
    processes.wait_until("airflow-dag-processor", has_read_dag, what, READY_TIMEOUT_S)
    check_dag(config, token)


def log_in(config: StackConfig, password: str) -> str:
    """Return a token of Airflow's API for its only user."""
    with make_client(timeout_s=20) as client:
        body = {"username": USERNAME, "password": password}
        answer = client.post(f"{config.airflow_url}/auth/token", json=body)
    if answer.status_code != 201:
        raise StackError(f"Airflow refused the login with status {answer.status_code}.")
    return str(answer.json()["access_token"])


def read_dag(config: StackConfig, token: str) -> dict[str, Any] | None:
    """Return the DAG as Airflow lists it."""
    dag: dict[str, Any] | None = get_json(
        f"{config.airflow_url}/api/v2/dags/{config.dag_id}", token, timeout_s=20
    )
    return dag


def read_import_errors(config: StackConfig, token: str) -> list[dict[str, Any]]:
    """Return the DAG files that Airflow cannot read, and why."""
    answer = get_json(f"{config.airflow_url}/api/v2/importErrors", token, timeout_s=20)
    return list((answer or {}).get("import_errors", []))


def check_dag(config: StackConfig, token: str) -> None:
    """Raise ``StackError`` unless the DAG is listed and not paused."""
    dag = read_dag(config, token)
    if dag is not None and not dag["is_paused"]:
        return
    broken = read_import_errors(config, token)
    reasons = [f"{error['filename']}: {error['stack_trace']}" for error in broken]
    state = "is paused" if dag else f"is not in {config.dags_folder}"
    raise StackError("\n".join([f"DAG {config.dag_id} {state}.", *reasons]))


def make_airflow_environ(config: StackConfig, secrets: AirflowSecrets) -> dict[str, str]:
    """Return the variables of every Airflow process; tasks inherit those of the scheduler."""
    settings = {
        "API__BASE_URL": config.airflow_url,
        "API__HOST": HOST,
        "API__PORT": str(config.airflow_port),
        "API__SECRET_KEY": secrets.api_secret,
        "API__WORKERS": "1",
        "API_AUTH__JWT_ISSUER": "scanhub-local",
        "API_AUTH__JWT_SECRET": secrets.jwt_secret,
        "CORE__EXECUTION_API_SERVER_URL": f"{config.airflow_url}/execution/",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": make_bundles(config),
        # Airflow notices tasks that were killed with their scheduler within seconds, not five
        # minutes.
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
        "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(config.airflow_home / "passwords.json"),
        # "user" may only read and run DAGs, like the role on MWAA.
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USERNAME}:user",
    }
    return make_environ(config, VENV, settings)


def make_environ(config: StackConfig, venv: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for any version of Airflow; ``settings`` are its own, section__name."""
    home = config.airflow_home
    settings = {
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__DAGS_FOLDER": str(config.dags_folder),
        "CORE__LOAD_EXAMPLES": "False",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        **settings,
    }
    environ = clean_environ(
        **aws_environ(config),
        AIRFLOW_HOME=str(home),
        # The user's own DAGs may import what the project's DAGs do.
        PYTHONPATH=os.pathsep.join([str(SETTINGS_FOLDER), str(config.dags_folder)]),
        # Airflow renames its processes, which would overwrite the stack's mark in /proc.
        SPT_NOENV="1",
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
    )
    environ["PATH"] = os.pathsep.join([str(venv / "bin"), environ["PATH"]])
    return environ | find_engine()


def find_engine() -> dict[str, str]:
    """Return the variable of the engine: the shell's own, else that of `make engine-sigpy`."""
    command = os.environ.get(ENGINE_VARIABLE)
    if not command and ENGINE.is_current():
        command = json.dumps([str(ENGINE.python), str(ROOT / "dags/engines/sense_engine.py")])
    return {ENGINE_VARIABLE: command} if command else {}


def make_bundles(config: StackConfig) -> str:
    """Return Airflow's setting of the folders with DAGs, each of which it calls a bundle."""
    names = ("dags-folder", "own-dags-folder")
    return json.dumps(
        [
            {
                "name": name,
                "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                "kwargs": {"path": str(folder), "refresh_interval": REFRESH_INTERVAL_S},
            }
            for name, folder in zip(names, config.dags_folders, strict=False)
        ]
    )


def _airflow(*arguments: str) -> list[str]:
    return [str(VENV / "bin" / "airflow"), *arguments]


def let_readers_pass(database: Path) -> None:
    """Switch SQLite to its write-ahead log, where a writer does not lock readers out."""
    with closing(sqlite3.connect(database, timeout=10)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
