"""What a running stack tells its clients, and its secrets."""

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
    scanhub_url, scanhub_contract
        Base URL of all of ScanHub's services, and the contract in which they speak.
    dags_folders
        What Airflow reads, separated as a `PATH`.
    username, password, token
        The seeded operator, who is logged in.
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
    scanhub_contract: str
    username: str
    password: str
    token: str
    workflow_id: str
    log_dir: str
    dags_folders: str

    def __repr__(self) -> str:
        """Return a text without secrets, fit for a log or a failed assertion."""
        return f"Stack(api_url={self.api_url!r}, log_dir={self.log_dir!r})"


@dataclass(frozen=True, repr=False)
class AirflowSecrets:
    """The secrets of one Airflow, new in every fresh stack.

    Attributes
    ----------
    jwt_secret
        Signs the tokens that Airflow's processes show each other.
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
        """Return the secrets that were prepared in a folder; raise if there are none."""
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
        No stack is up, or another version wrote its file.
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
    """Write a file in one step and for its owner only: readers see all of it or the old one."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    # The mode is given at creation; a later chmod would leave a moment for others to read.
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        output.write(text)
    draft.replace(file)
