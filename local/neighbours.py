"""ScanHub's stand-in as a service of the stack: start it and log in."""

from __future__ import annotations

import sys
from typing import Any

from local.config import StackConfig, StackError, clean_environ
from local.probes import get_json, is_scanhub_ready, make_client
from local.processes import Processes
from local.scanhub import DEFAULT_CONTRACT

READY_TIMEOUT_S = 60


def start_scanhub(
    config: StackConfig, processes: Processes, api_url: str, contract: str = DEFAULT_CONTRACT
) -> None:
    """Start the stand-in with the URL of the API that its scanner uploads to, and wait for it."""
    config.data_folder.mkdir(mode=0o700, exist_ok=True)
    # What it keeps has another shape in each contract.
    name = "scanhub" if contract == DEFAULT_CONTRACT else f"scanhub-{contract}"
    command = [sys.executable, "-m", "local.scanhub", "--port", str(config.scanhub_port)]
    command += ["--contract", contract, "--file", str(config.data_folder / f"{name}.sqlite")]
    command += ["--volume", str(config.scanhub_volume)]
    processes.start("scanhub", [*command, "--workflow-manager-url", api_url], clean_environ())
    processes.wait_until(
        "scanhub", lambda: is_scanhub_ready(config), "its first answer", READY_TIMEOUT_S
    )


def read_seed(config: StackConfig) -> dict[str, Any]:
    """Return the seeded ids and the operator's credentials."""
    seed = get_json(f"{config.scanhub_url}/_control/seed")
    if seed is None:
        raise StackError("ScanHub's stand-in does not tell its seed.")
    return dict(seed)


def log_in(config: StackConfig, username: str, password: str) -> str:
    """Return the token of an operator."""
    url = f"{config.scanhub_url}/api/v1/userlogin/login"
    with make_client(timeout_s=20) as client:
        answer = client.post(url, data={"username": username, "password": password})
    if answer.status_code != 200:
        raise StackError(f"ScanHub refused the login with status {answer.status_code}.")
    return str(answer.json()["access_token"])
