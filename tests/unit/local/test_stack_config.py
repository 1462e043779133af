"""Ports and variables of the laptop stack."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local.airflow import make_bundles
from local.config import HOST, ROOT, StackConfig, StackError, aws_environ, clean_environ
from local.probes import check_ports
from local.stack import make_parser


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def config(tmp_path: Path) -> StackConfig:
    ports = []
    with socket.create_server((HOST, 0)) as one, socket.create_server((HOST, 0)) as two:
        ports = [one.getsockname()[1], two.getsockname()[1]]
    return StackConfig(folder=tmp_path, aws_port=ports[0], airflow_port=ports[1])


def test_from_environ_moves_a_port() -> None:
    config = StackConfig.from_environ({"SCANHUB_AIRFLOW_PORT": "20001"})

    assert config.airflow_url == "http://127.0.0.1:20001"
    assert config.scanhub_url == "http://127.0.0.1:18090"


@pytest.mark.parametrize("text", ["abc", "80", "70000", "-1", "1.5"])
def test_from_environ_refuses_what_is_no_port(text: str) -> None:
    with pytest.raises(StackError, match="SCANHUB_AWS_PORT"):
        StackConfig.from_environ({"SCANHUB_AWS_PORT": text})


def test_from_environ_refuses_one_port_for_two_services() -> None:
    with pytest.raises(StackError, match="share a port"):
        StackConfig.from_environ({"SCANHUB_AWS_PORT": "18090"})


@pytest.mark.parametrize(("text", "contract"), [("", None), ("2026-02", "2026-02")])
def test_from_environ_reads_the_contract(text: str, contract: str | None) -> None:
    config = StackConfig.from_environ({"SCANHUB_CONTRACT": text})
    assert config.scanhub_contract == contract
    assert config.new_contract == (contract or "2025-03")


def test_from_environ_refuses_an_unknown_contract() -> None:
    with pytest.raises(StackError, match="2025-03 or 2026-02, not 'A'"):
        StackConfig.from_environ({"SCANHUB_CONTRACT": "A"})


def test_from_environ_reads_a_folder_of_dags_beside_the_projects_own(tmp_path: Path) -> None:
    config = StackConfig.from_environ({"DAGS": str(tmp_path)})

    assert config.dags_folders == (ROOT / "dags", tmp_path)
    assert json.loads(make_bundles(config))[1]["kwargs"]["path"] == str(tmp_path)


@pytest.mark.parametrize(
    "text", ["", str(ROOT / "dags"), str(ROOT / "dags" / "scanhub_reconstruction")]
)
def test_from_environ_reads_no_dag_twice(text: str) -> None:
    assert StackConfig.from_environ({"DAGS": text}).dags_folders == (ROOT / "dags",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no/such/folder", "not a folder"),
        (__file__, "not a folder"),
        (str(ROOT), "the project itself"),
    ],
)
def test_from_environ_refuses_what_is_no_folder_of_dags(text: str, reason: str) -> None:
    with pytest.raises(StackError, match=f"DAGS=.*{reason}"):
        StackConfig.from_environ({"DAGS": text})


def test_check_ports_names_port_and_variable_when_taken(
    config: StackConfig, taken_port: int
) -> None:
    with pytest.raises(StackError, match=f"port {taken_port} .*SCANHUB_PORT"):
        check_ports(replace(config, scanhub_port=taken_port))


def test_clean_environ_drops_what_the_shell_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid")
    monkeypatch.setenv("AWS_PROFILE", "production")

    environ = clean_environ(**aws_environ(StackConfig()))

    assert not {"HTTP_PROXY", "AWS_PROFILE"} & set(environ)
    assert environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:18091"


def test_help_names_every_parameter() -> None:
    text = make_parser().format_help()

    for word in (
        "SCANHUB_PORT",
        "SCANHUB_AWS_PORT",
        "SCANHUB_AIRFLOW_PORT",
        "SCANHUB_LOCAL_DIR",
        "DAGS",
    ):
        assert word in text
