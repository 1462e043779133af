"""A real Airflow 2.11 and an S3 for its DAGs, for all tests of this folder."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from local import aws
from local.airflow import USERNAME
from local.airflow2 import (
    check_ports,
    make_config,
    prepare_airflow2,
    start_airflow2,
    wait_for_airflow2,
)
from local.config import StackConfig
from local.processes import Processes
from local.state import AirflowSecrets
from tests.own_dags import copy_own_dags
from workflow_manager.secrets import Credentials


@dataclass(frozen=True)
class Airflow2:
    """A running Airflow 2.

    Parameters
    ----------
    credentials
        Of its only user.
    api
        Its REST API, logged in.
    """

    config: StackConfig
    credentials: Credentials
    api: httpx.Client


@pytest.fixture(scope="session")
def airflow2() -> Iterator[Airflow2]:
    """Start both on an empty folder, and leave nothing behind but their logs."""
    config = make_config()
    processes = Processes(config.folder)
    processes.stop()
    check_ports(config)
    shutil.rmtree(config.folder, ignore_errors=True)
    for folder in (config.folder, config.folder / "run", config.log_folder):
        folder.mkdir(mode=0o700)
    copy_own_dags(config.dags_folder)
    shutil.copytree(Path(__file__).parent / "dags", config.dags_folder, dirs_exist_ok=True)
    secrets = AirflowSecrets.generate()
    secrets.write(config.folder)
    try:
        aws.start_aws(config, processes)
        prepare_airflow2(config, processes)
        start_airflow2(config, processes)
        wait_for_airflow2(config, processes)
        url, auth = f"{config.airflow_url}/api/v1", (USERNAME, secrets.password)
        with httpx.Client(base_url=url, auth=auth, timeout=20, trust_env=False) as api:
            credentials = Credentials(username=USERNAME, password=SecretStr(secrets.password))
            yield Airflow2(config, credentials, api)
    finally:
        processes.stop()
        (config.folder / "airflow-secrets.json").unlink(missing_ok=True)
        shutil.rmtree(config.data_folder, ignore_errors=True)
        aws.remove_aws_files(config)
