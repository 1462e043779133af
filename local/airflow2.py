"""The second Airflow, of ScanHub's time: a web server and a scheduler of 2.11 on SQLite.

Not part of the stack: ``make test-airflow2`` starts it, on ports of its own beside the stack's.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace

from local.airflow import USERNAME, let_readers_pass, make_environ
from local.config import HOST, ROOT, StackConfig, StackError
from local.probes import get_json, is_free
from local.processes import Processes
from local.state import AirflowSecrets

VENV = ROOT / ".venv-airflow2"
SERVICES = ("airflow2-web", "airflow2-scheduler")
PORT_VARIABLES = {
    "airflow": ("SCANHUB_AIRFLOW2_PORT", 18093),
    "aws": ("SCANHUB_AIRFLOW2_AWS_PORT", 18094),
}
PREPARE_TIMEOUT_S = 180
READY_TIMEOUT_S = 120


def make_config(environ: Mapping[str, str] = os.environ) -> StackConfig:
    """Return folder and ports; its DAGs are a copy, to which tests add some of their own."""
    ports = {
        service: int(environ.get(variable) or default)
        for service, (variable, default) in PORT_VARIABLES.items()
    }
    folder = ROOT / ".local-airflow2"
    return replace(
        StackConfig(),
        folder=folder,
        airflow_port=ports["airflow"],
        aws_port=ports["aws"],
        dags_folder=folder / "dags",
    )


def check_ports(config: StackConfig) -> None:
    """Refuse to start on a port in use; the error names the port and the variable that moves it."""
    for service, (variable, _) in PORT_VARIABLES.items():
        if not is_free(config.ports[service]):
            raise StackError(f"Port {config.ports[service]} is taken: set {variable}.")


def prepare_airflow2(config: StackConfig, processes: Processes) -> None:
    """Make a new database with the DAGs and the only user in it."""
    secrets = AirflowSecrets.read(config.folder)
    home = config.airflow_home
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700, parents=True)
    environ = make_airflow2_environ(config, secrets)
    python = str(VENV / "bin" / "python")
    # The password travels by environment: ps shows arguments to everybody.
    user_environ = {**environ, "SCANHUB_USERNAME": USERNAME, "SCANHUB_PASSWORD": secrets.password}
    # -P: without it, the script's folder comes first on the path, with an airflow.py in it.
    make_user = [python, "-P", str(ROOT / "local" / "airflow2_user.py")]
    for command, variables in (
        (_airflow("db", "migrate"), environ),
        # It makes the roles, one of which the user gets.
        (_airflow("sync-perm"), environ),
        (make_user, user_environ),
        (_airflow("dags", "reserialize"), environ),
    ):
        processes.run("airflow2-setup", command, variables, PREPARE_TIMEOUT_S)
        let_readers_pass(home / "airflow.db")


def start_airflow2(config: StackConfig, processes: Processes) -> None:
    """Start the web server and the scheduler, which also parses the DAG files."""
    environ = make_airflow2_environ(config, AirflowSecrets.read(config.folder))
    processes.start("airflow2-web", _airflow("webserver"), environ)
    processes.start("airflow2-scheduler", _airflow("scheduler", "-s"), environ)


def wait_for_airflow2(config: StackConfig, processes: Processes) -> None:
    """Wait until Airflow is healthy."""

    def is_ready() -> bool:
        health = get_json(f"{config.airflow_url}/api/v1/health") or {}
        parts = ("metadatabase", "scheduler")
        return all(health.get(part, {}).get("status") == "healthy" for part in parts)

    for service in SERVICES:
        processes.wait_until(service, is_ready, "a healthy Airflow 2", READY_TIMEOUT_S)


def make_airflow2_environ(config: StackConfig, secrets: AirflowSecrets) -> dict[str, str]:
    """Return the variables of every process of Airflow 2."""
    backend = "airflow.providers.fab.auth_manager.api.auth.backend.basic_auth"
    settings = {
        "API__AUTH_BACKENDS": backend,
        # The only executor that Airflow 2 allows with SQLite.
        "CORE__EXECUTOR": "SequentialExecutor",
        "SCHEDULER__DAG_DIR_LIST_INTERVAL": "2",
        "SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "2",
        "WEBSERVER__BASE_URL": config.airflow_url,
        "WEBSERVER__SECRET_KEY": secrets.api_secret,
        "WEBSERVER__WEB_SERVER_HOST": HOST,
        "WEBSERVER__WEB_SERVER_PORT": str(config.airflow_port),
        "WEBSERVER__WORKERS": "1",
    }
    return make_environ(config, VENV, settings)


def _airflow(*arguments: str) -> list[str]:
    return [str(VENV / "bin" / "airflow"), *arguments]
