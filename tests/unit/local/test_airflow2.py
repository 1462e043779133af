"""The second Airflow's configuration and Python."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from local.airflow2 import check_ports, make_airflow2_environ, make_config
from local.config import HOST, StackConfig, StackError
from local.interpreter import Interpreter, NoPythonError, choose
from local.setup import AIRFLOW2
from local.state import AirflowSecrets


def test_make_config_has_ports_and_a_folder_beside_the_stacks() -> None:
    stack, config = StackConfig(), make_config({"SCANHUB_AIRFLOW2_PORT": "20001"})

    assert config.airflow_port == 20001
    assert not set(stack.ports.values()) & {config.airflow_port, config.aws_port}
    assert config.folder != stack.folder


def test_check_ports_names_the_variable_when_a_port_is_taken() -> None:
    with socket.create_server((HOST, 0)) as server:
        config = replace(make_config({}), airflow_port=server.getsockname()[1])
        with pytest.raises(StackError, match="SCANHUB_AIRFLOW2_PORT"):
            check_ports(config)


def test_make_airflow2_environ_listens_on_loopback_and_holds_no_password() -> None:
    secrets = AirflowSecrets.generate()

    environ = make_airflow2_environ(make_config({}), secrets)

    assert environ["AIRFLOW__WEBSERVER__WEB_SERVER_HOST"] == HOST
    assert environ["AIRFLOW__API__AUTH_BACKENDS"].endswith("basic_auth")
    assert secrets.password not in environ.values()


def test_choose_leaves_out_a_python_that_airflow_2_does_not_know(tmp_path: Path) -> None:
    new, old = tmp_path / "python3.13", tmp_path / "python3.12"
    for path in (new, old):
        path.touch()
    found = {new: Interpreter(new, "3.13.1"), old: Interpreter(old, "3.12.1")}

    assert choose([new, old], found.__getitem__, AIRFLOW2.versions) == found[old]
    with pytest.raises(NoPythonError, match=r"3\.12, 3\.11"):
        choose([new], found.__getitem__, AIRFLOW2.versions)
