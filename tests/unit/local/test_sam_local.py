"""What `make sam-local` gives to containers."""

from ipaddress import IPv4Network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import NotFound
from samcli.local.docker.exceptions import ContainerNotReachableException

from local import sam_local
from local.config import StackConfig, StackError, aws_environ
from local.runtime import RuntimeFunction
from local.sam_local import (
    ContainerNetwork,
    find_network,
    make_environ,
    make_keys,
    make_options,
    start_relay,
)

GATEWAY = "172.17.0.1"
CONFIG = StackConfig()


def make_engine(settings: Any) -> SimpleNamespace:
    network = SimpleNamespace(attrs={"IPAM": {"Config": settings}})
    return SimpleNamespace(networks=SimpleNamespace(get={"bridge": network}.__getitem__))


@pytest.mark.parametrize(
    "settings",
    [
        [{"Subnet": "172.17.0.0/16", "Gateway": GATEWAY}],
        # As Docker says it before its first container.
        [{"Subnet": "172.17.0.0/16"}],
        [{"Subnet": "fd00::/64"}, {"Subnet": "172.17.0.0/16", "Gateway": GATEWAY}],
    ],
    ids=["docker", "without-gateway", "ipv6-too"],
)
def test_network_of_containers_is_found(
    settings: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sam_local, "get_validated_container_client", lambda: make_engine(settings))

    found = find_network()

    assert (found.gateway, str(found.network)) == (GATEWAY, "172.17.0.0/16")


@pytest.mark.parametrize("settings", [None, [], [{"Subnet": "fd00::/64"}]], ids=str)
def test_network_without_ipv4_is_told(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sam_local, "get_validated_container_client", lambda: make_engine(settings))

    with pytest.raises(StackError, match="no IPv4 addresses"):
        find_network()


@pytest.mark.parametrize("error", [ContainerNotReachableException("none"), NotFound("no bridge")])
def test_engine_that_does_not_answer_is_told(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(sam_local, "get_validated_container_client", fail)

    with pytest.raises(StackError, match="No container engine answers"):
        find_network()


def test_function_in_a_container_finds_every_service_at_the_gateway() -> None:
    deployed = {
        **aws_environ(CONFIG),
        "QUEUE_URL": f"{CONFIG.aws_url}/000000000000/queue",
        "EXAM_MANAGER_URI": CONFIG.scanhub_url,
        "AIRFLOW_URL": CONFIG.airflow_url,
        "DEVICE_NETWORKS": "127.0.0.0/8",
        "AUTO_ADVANCE": "true",
    }
    function = RuntimeFunction("F", "app.lambda_handler", 29, 1024, deployed)

    assert make_environ(function, GATEWAY, CONFIG) == {
        "AWS_ENDPOINT_URL": f"http://{GATEWAY}:{CONFIG.aws_port}",
        "QUEUE_URL": f"http://{GATEWAY}:{CONFIG.aws_port}/000000000000/queue",
        "EXAM_MANAGER_URI": f"http://{GATEWAY}:{CONFIG.scanhub_port}",
        "AIRFLOW_URL": f"http://{GATEWAY}:{CONFIG.airflow_port}",
        "DEVICE_NETWORKS": f"{GATEWAY}/32",
        "AUTO_ADVANCE": "true",
    }


def test_address_that_is_not_of_this_machine_is_told(tmp_path: Path) -> None:
    config = StackConfig(folder=tmp_path, scanhub_port=1025, aws_port=1026, airflow_port=1027)
    # Of a network for documentation: nobody has it, as nobody has Docker Desktop's.
    foreign = ContainerNetwork("198.51.100.1", IPv4Network("198.51.100.0/24"))

    with pytest.raises(StackError, match=r"198\.51\.100\.1 is no address of this machine"):
        start_relay(foreign, config)


def test_options_name_the_files_of_another_folder_too(tmp_path: Path) -> None:
    options = make_options(tmp_path / "sam-local", CONFIG.build_folder / "template.yaml")

    assert f"--env-vars {tmp_path}/sam-local/env.json" in options


def test_functions_get_the_keys_that_the_laptop_knows() -> None:
    keys = make_keys(CONFIG)

    assert (keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"]) == ("test", "test")
    # Of the user's own login.
    assert keys["AWS_SESSION_TOKEN"] == ""
    assert keys["AWS_ENDPOINT_URL"] == CONFIG.aws_url
