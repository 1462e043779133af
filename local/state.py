"""What a running stack tells its clients, and what it keeps to itself."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from local.config import StackConfig, StackError


@dataclass(frozen=True, repr=False)
class Stack:
    """How to reach a running stack: the content of ``.local/stack.json``.

    Attributes
    ----------
    api_url
        Base of the API, ending in ``/v1/workflowmanager``.
    aws_endpoint_url, region
        Where AWS clients find the laptop's AWS.
    bucket, table, queue_url, dlq_url
        Names and addresses of the deployed resources.
    airflow_url, airflow_username, airflow_password
        Airflow and its only user.
    scanhub_url
        Base of all of ScanHub's neighbour services.
    username, password, token
        The seeded operator, logged in.
    workflow_id
        The seeded workflow.
    log_dir
        Folder of all logs.
    """

    api_url: str
    aws_endpoint_url: str
    region: str
    bucket: str
    table: str
    queue_url: str
    dlq_url: str
    airflow_url: str
    airflow_username: str
    airflow_password: str
    scanhub_url: str
    username: str
    password: str
    token: str
    workflow_id: str
    log_dir: str

    def __repr__(self) -> str:
        """Return a text without the secrets, fit for a log or a failed assertion."""
        return f"Stack(api_url={self.api_url!r}, log_dir={self.log_dir!r})"


@dataclass(frozen=True, repr=False)
class AirflowSecrets:
    """Secrets of one Airflow, made anew for every fresh stack.

    Attributes
    ----------
    password
        Of the user that the API logs in as.
    jwt_secret
        Signs the tokens that the processes of Airflow show each other.
    api_secret
        Signs the sessions of the web interface.
    """

    password: str
    jwt_secret: str
    api_secret: str

    @classmethod
    def generate(cls) -> AirflowSecrets:
        """Return new random secrets."""
        return cls(secrets.token_urlsafe(18), secrets.token_urlsafe(64), secrets.token_urlsafe(32))

    @classmethod
    def read(cls, folder: Path) -> AirflowSecrets:
        """Return the secrets of the existing Airflow.

        Raises
        ------
        StackError
            None was prepared in this folder.
        """
        try:
            return cls(**json.loads((folder / "airflow-secrets.json").read_text()))
        except FileNotFoundError:
            raise StackError("There is no Airflow to start: run make up.") from None

    def write(self, folder: Path) -> None:
        """Keep the secrets for a restart, readable by the owner only."""
        write_private(folder / "airflow-secrets.json", json.dumps(asdict(self)))


def read_stack(config: StackConfig | None = None) -> Stack:
    """Return how to reach the running stack.

    Raises
    ------
    StackError
        No stack is up, or its file was written by another version.
    """
    file = (config or StackConfig.from_environ()).stack_file
    try:
        content = json.loads(file.read_text())
    except FileNotFoundError:
        raise StackError("The stack is not up: run make up.") from None
    except ValueError:
        raise StackError(f"{file} is damaged: run make down, then make up.") from None
    if set(content) != {field.name for field in fields(Stack)}:
        raise StackError(f"{file} does not fit this version: run make down, then make up.")
    return Stack(**content)


def write_stack(stack: Stack, config: StackConfig) -> None:
    """Tell clients about a stack that is ready."""
    write_private(config.stack_file, json.dumps(asdict(stack), indent=2) + "\n")


def write_private(file: Path, text: str) -> None:
    """Write a file at once and for its owner only: readers see all of it or the previous one."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    # The mode is given at creation; a later chmod would leave a moment for others to read.
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        output.write(text)
    draft.replace(file)
