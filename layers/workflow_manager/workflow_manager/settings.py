"""The deployment's settings, from the environment that ``template.yaml`` gives each function."""

import os
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from workflow_manager.domain.exam import TaskType
from workflow_manager.domain.policy import ExecutionPolicy

AirflowApiVersion = Literal["v1", "v2"]


class Settings(BaseModel):
    """All settings. A function gets those that it uses; the others stay empty.

    Attributes
    ----------
    airflow_url, mwaa_environment_name
        Base URL of an Airflow, or name of an MWAA environment; without either, runs are simulated.
    airflow_api_version
        ``v2`` for Airflow 3, ``v1`` for Airflow 2, on MWAA too.
    airflow_request_interval_s
        Shortest interval between two requests to Airflow [s]; MWAA takes about ten a second.
    airflow_secret_arn, service_account_secret_arn
        Secrets Manager: JSON with ``username`` and ``password``.
    patient_pseudonym_secret_arn
        Secrets Manager: the key of the patients' pseudonyms.
    workflow_manager_url
        Base URL of our own API, as DAGs reach it.
    web_origins
        Origins of web pages that may call the API.
    role_permissions
        Operation ids by role, in JSON; only `domain.access` parses it, when a user calls, so that a
        malformed one stops no function that handles events.
    device_networks
        Networks in which a device's own address may lie (in generation A, ScanHub's older API,
        devices register without authentication).
    console_login
        Whether `log_in` takes names and passwords.
    dag_start_timeout_s
        How long a run waits for Airflow to take it [s]; two days at most, as we look for older runs
        nowhere.
    dag_run_timeout_s
        How long a run that an object itself caused may take once it is started [s].
    device_task_timeout_s, reconstruction_task_timeout_s, processing_task_timeout_s
        How long a task of that type may take, unless its args hold ``timeout_minutes`` [s].
    default_reconstruction_dag, default_processing_dag
        The DAG of a task of that type that names none; empty: it has none.
    callback_wait_s
        How long we wait for the callback of a run that has ended in Airflow [s].
    auto_advance
        Whether DAG tasks start by themselves once their inputs are there.
    upload_url_lifetime_s, download_url_lifetime_s
        How long a presigned URL works [s]; it expires earlier with the credentials that signed it.
    upload_retention_s
        How long the item of an upload is kept [s]; it must exceed the time for which the bucket
        keeps the parts of an abandoned upload.
    event_retention_s
        How long the audit trail and finished runs are kept [s].
    """

    model_config = ConfigDict(frozen=True)

    table_name: str = ""
    bucket_name: str = ""
    queue_url: str = ""
    simulation_queue_url: str = ""
    change_queue_url: str = ""
    event_bus_name: str = ""
    airflow_url: str = ""
    airflow_api_version: AirflowApiVersion = "v2"
    airflow_request_interval_s: float = Field(default=0, ge=0)
    mwaa_environment_name: str = ""
    airflow_secret_arn: str = ""
    service_account_secret_arn: str = ""
    patient_pseudonym_secret_arn: str = ""
    workflow_manager_url: str = ""
    user_login_manager_uri: str = ""
    exam_manager_uri: str = ""
    patient_manager_uri: str = ""
    sequence_manager_uri: str = ""
    device_manager_uri: str = ""
    web_origins: tuple[str, ...] = ()
    role_permissions: str = ""
    device_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    console_login: bool = True
    dag_start_timeout_s: int = Field(default=86_400, gt=0, le=2 * 86_400)
    dag_run_timeout_s: int = Field(default=7200, gt=0)
    device_task_timeout_s: int = Field(default=7200, gt=0)
    reconstruction_task_timeout_s: int = Field(default=7200, gt=0)
    processing_task_timeout_s: int = Field(default=7200, gt=0)
    default_reconstruction_dag: str = ""
    default_processing_dag: str = ""
    callback_wait_s: int = Field(default=60, ge=0)
    auto_advance: bool = True
    upload_url_lifetime_s: int = Field(default=3600, gt=0, le=43_200)
    download_url_lifetime_s: int = Field(default=900, gt=0, le=43_200)
    upload_retention_s: int = Field(default=16 * 86_400, gt=0)
    event_retention_s: int = Field(default=365 * 86_400, gt=0)

    @property
    def has_orchestrator(self) -> bool:
        """Whether there is an Airflow to start runs in; without one they are simulated."""
        return bool(self.airflow_url or self.mwaa_environment_name)

    @property
    def policy(self) -> ExecutionPolicy:
        """What the deployment decides about scans and runs."""
        return ExecutionPolicy(
            bucket=self.bucket_name,
            dag_start_timeout_s=self.dag_start_timeout_s,
            task_timeouts_s={
                TaskType.DEVICE_TASK_SDK: self.device_task_timeout_s,
                TaskType.DEVICE_TASK_SIMULATOR: self.device_task_timeout_s,
                TaskType.RECONSTRUCTION_TASK: self.reconstruction_task_timeout_s,
                TaskType.PROCESSING_TASK: self.processing_task_timeout_s,
            },
            default_dag_ids={
                TaskType.RECONSTRUCTION_TASK: self.default_reconstruction_dag,
                TaskType.PROCESSING_TASK: self.default_processing_dag,
            },
            has_orchestrator=self.has_orchestrator,
            auto_advance=self.auto_advance,
        )

    @field_validator("web_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part for part in value.split(",") if part] if isinstance(value, str) else value

    @field_validator("device_networks", mode="before")
    @classmethod
    def _parse_networks(cls, value: object) -> object:
        # People copy an address with its prefix length: it stands for its network.
        if not isinstance(value, str):
            return value
        return [ip_network(part, strict=False) for part in value.split(",") if part]


@cache
def get_settings() -> Settings:
    """Return the settings, read from the environment once."""
    return Settings.model_validate(
        {
            name: os.environ[name.upper()]
            for name in Settings.model_fields
            if name.upper() in os.environ
        }
    )
