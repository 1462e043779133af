"""The folder and the ports of a laptop stack."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.scanhub import CONTRACT_VARIABLE, CONTRACTS, DEFAULT_CONTRACT

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
REGION = "us-east-1"
STACK_NAME = "scanhub-workflow-manager"
DAG_ID = "cartesian_reconstruction"
DAGS_VARIABLE = "DAGS"
"""Environment variable with a folder of DAGs beside the project's own."""

PORT_VARIABLES: Mapping[str, tuple[str, int]] = {
    "scanhub": ("SCANHUB_PORT", 18090),
    "aws": ("SCANHUB_AWS_PORT", 18091),
    "airflow": ("SCANHUB_AIRFLOW_PORT", 18092),
}
"""Service → environment variable and default; the range 18090 to 18092 is the stack's own."""


class StackError(Exception):
    """The stack cannot do what was asked; the text tells a user why."""


@dataclass(frozen=True)
class StackConfig:
    """Everything that may differ between two stacks on one machine.

    Attributes
    ----------
    folder
        Holds data, logs and process records; if it is deleted, the next start is a fresh one.
    build_folder
        Where ``sam build`` puts the deployable artefact.
    dags_folder
        The folder that Airflow reads.
    own_dags_folder
        One more, with the user's own DAGs.
    data_name
        The part of `folder` that outlives the stack; the tests keep theirs apart.
    dag_id
        The stack is ready once Airflow lists this DAG.
    scanhub_contract
        The contract of ScanHub that is asked for; None: the default, or that of a stack that is up.
    function_environ
        More variables for the emulator, and so for the functions' processes.
    """

    folder: Path = ROOT / ".local"
    scanhub_port: int = PORT_VARIABLES["scanhub"][1]
    aws_port: int = PORT_VARIABLES["aws"][1]
    airflow_port: int = PORT_VARIABLES["airflow"][1]
    template: Path = ROOT / "template.yaml"
    build_folder: Path = ROOT / ".aws-sam" / "build"
    dags_folder: Path = ROOT / "dags"
    own_dags_folder: Path | None = None
    data_name: str = "data"
    dag_id: str = DAG_ID
    scanhub_contract: str | None = None
    function_environ: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> StackConfig:
        """Return the configuration that the environment variables ask for.

        Raises
        ------
        StackError
            A variable holds no port number or no folder, or two services share a port.
        """
        ports = {service: _read_port(service, environ) for service in PORT_VARIABLES}
        if len(set(ports.values())) < len(ports):
            raise StackError(f"Two services share a port: {ports}.")
        folder = environ.get("SCANHUB_LOCAL_DIR")
        return cls(
            folder=Path(folder).resolve() if folder else cls.folder,
            scanhub_port=ports["scanhub"],
            aws_port=ports["aws"],
            airflow_port=ports["airflow"],
            own_dags_folder=_read_dags_folder(environ, cls.dags_folder),
            scanhub_contract=_read_contract(environ),
        )

    @property
    def ports(self) -> dict[str, int]:
        """Return service → port."""
        return {
            "scanhub": self.scanhub_port,
            "aws": self.aws_port,
            "airflow": self.airflow_port,
        }

    @property
    def dags_folders(self) -> tuple[Path, ...]:
        """Return all folders that Airflow reads."""
        return (self.dags_folder, *([self.own_dags_folder] if self.own_dags_folder else []))

    @property
    def new_contract(self) -> str:
        """Return the contract of ScanHub in which a new stack speaks."""
        return self.scanhub_contract or DEFAULT_CONTRACT

    @property
    def scanhub_volume(self) -> Path:
        """Return the folder that is ScanHub's data volume, since 2026-02."""
        return self.data_folder / "scanhub-volume"

    @property
    def scanhub_url(self) -> str:
        """Return the base URL of ScanHub's stand-in."""
        return f"http://{HOST}:{self.scanhub_port}"

    @property
    def aws_url(self) -> str:
        """Return the endpoint of all AWS services."""
        return f"http://{HOST}:{self.aws_port}"

    @property
    def airflow_url(self) -> str:
        """Return the base URL of Airflow's API server."""
        return f"http://{HOST}:{self.airflow_port}"

    @property
    def log_folder(self) -> Path:
        """Return the folder to which every process writes its log."""
        return self.folder / "log"

    @property
    def data_folder(self) -> Path:
        """Return the folder with all that the next start finds again."""
        return self.folder / self.data_name

    @property
    def airflow_home(self) -> Path:
        """Return the folder of Airflow's database, and of its tasks' logs."""
        return self.data_folder / "airflow"

    @property
    def sam_local_folder(self) -> Path:
        """Return the folder with the files that `sam local` needs for a running stack."""
        return self.folder / "sam-local"

    @property
    def stack_file(self) -> Path:
        """Return the file that tells clients about a running stack."""
        return self.folder / "stack.json"


def _read_port(service: str, environ: Mapping[str, str]) -> int:
    variable, default = PORT_VARIABLES[service]
    text = environ.get(variable) or str(default)
    if not text.isdecimal() or not 1024 <= int(text) <= 65535:
        raise StackError(f"{variable} must be a port from 1024 to 65535, not {text!r}.")
    return int(text)


def _read_contract(environ: Mapping[str, str]) -> str | None:
    text = environ.get(CONTRACT_VARIABLE) or None
    if text not in (None, *CONTRACTS):
        raise StackError(f"ScanHub's contract is {' or '.join(CONTRACTS)}, not {text!r}.")
    return text


def _read_dags_folder(environ: Mapping[str, str], shipped: Path) -> Path | None:
    text = environ.get(DAGS_VARIABLE)
    if not text:
        return None
    folder = Path(text).expanduser().resolve()
    if not folder.is_dir():
        raise StackError(f"{DAGS_VARIABLE}={text} is not a folder.")
    if shipped.is_relative_to(folder) and folder != shipped:
        raise StackError(f"{DAGS_VARIABLE}={text} holds the project itself: name a folder of DAGs.")
    # What is below the project's own is read there already; twice, each would hide the other.
    return None if folder.is_relative_to(shipped) else folder


def python_runtime() -> str:
    """Return the Lambda runtime of this interpreter: the functions run in it."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def host_architecture() -> str:
    """Return the Lambda architecture whose wheels run on this machine."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def clean_environ(**values: str) -> dict[str, str]:
    """Return an environment for a child: the few variables that it needs, and ``values``.

    Functions inherit ministack's variables and DAGs Airflow's. The variables of the user's shell
    (proxies, credentials, Python's switches) must not change how they behave.
    """
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "USER") if name in os.environ}
    venv = Path(sys.executable).parent
    path = os.pathsep.join([str(venv), os.environ.get("PATH", os.defpath)])
    return {**kept, "PATH": path, "PYTHONUNBUFFERED": "1", **values}


def aws_environ(config: StackConfig) -> dict[str, str]:
    """Return what any AWS client needs to reach the laptop's AWS."""
    return {
        "AWS_ENDPOINT_URL": config.aws_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        # Nothing here may ever use a profile of the user, or reach AWS itself.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
