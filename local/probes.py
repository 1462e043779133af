"""Ask whether the services are well, and whether the ports are free."""

from __future__ import annotations

import socket
from typing import Any

import httpx

from local.config import HOST, PORT_VARIABLES, StackConfig, StackError

PROBE_TIMEOUT_S = 5.0


def make_client(timeout_s: float = PROBE_TIMEOUT_S) -> httpx.Client:
    """Return a client for loopback, which ignores a proxy of the environment."""
    return httpx.Client(timeout=timeout_s, trust_env=False)


def get_json(url: str, token: str = "", timeout_s: float = PROBE_TIMEOUT_S) -> Any:
    """Return the JSON that a URL answers with status 200, or ``None`` for anything else."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with make_client(timeout_s) as client:
            answer = client.get(url, headers=headers)
        return answer.json() if answer.status_code == 200 else None
    except (httpx.HTTPError, ValueError):
        return None


def is_aws_ready(config: StackConfig) -> bool:
    """Return whether the laptop's AWS answers."""
    return get_json(f"{config.aws_url}/_ministack/ready") is not None


def is_scanhub_ready(config: StackConfig) -> bool:
    """Return whether ScanHub's stand-in answers."""
    return get_json(f"{config.scanhub_url}/_control/ready") is not None


def is_airflow_ready(config: StackConfig) -> bool:
    """Return whether Airflow's database is reachable and its scheduler at work."""
    health = get_json(f"{config.airflow_url}/api/v2/monitor/health") or {}
    parts = ("metadatabase", "scheduler")
    return all(health.get(part, {}).get("status") == "healthy" for part in parts)


def is_api_ready(api_url: str, token: str) -> bool:
    """Return whether an authorised call passes the gateway; the first call starts functions."""
    return get_json(f"{api_url}/hello/", token, timeout_s=30.0) is not None


def check_ports(config: StackConfig) -> None:
    """Refuse to start on ports in use; the error names each and the variable that moves it."""
    taken = [
        f"  port {port} ({service}): set {PORT_VARIABLES[service][0]} to a free one"
        for service, port in config.ports.items()
        if not is_free(port)
    ]
    if taken:
        raise StackError("Another program listens on:\n" + "\n".join(taken))


def is_free(port: int) -> bool:
    """Return whether a program could listen on a port of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections that are still closing do not count; the servers set this option too.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
