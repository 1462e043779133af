"""Prepare `sam local` for the laptop stack's resources: ``make sam-local``.

It writes the files that `sam local` needs (samconfig.toml names them), lets containers reach the
stack, and prints the commands to type.
"""

from __future__ import annotations

import json
import shutil
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from pathlib import Path

from samcli.commands.exceptions import UserException
from samcli.local.docker.utils import get_validated_container_client

from local.config import HOST, REGION, ROOT, StackConfig, StackError, aws_environ, clean_environ
from local.invoke import require_stack
from local.processes import Processes
from local.runtime import RuntimeFunction, list_deployed_functions
from local.samples import Hospital, Sample, list_samples
from local.state import write_private
from tools.build import SAM, build, runtime_parameters

RELAY = "sam-local-relay"
RELAY_TIMEOUT_S = 15
ENGINE_NETWORK = "bridge"
API_PORT = 3000
EXAMPLE = Sample("process_workflow", "success")


@dataclass(frozen=True)
class ContainerNetwork:
    """The network of an engine's containers, and this machine's address in it, the gateway."""

    gateway: str
    network: IPv4Network


def find_network() -> ContainerNetwork:
    """Return the network of sam's containers; raise if no engine or no such network is there."""
    try:
        # As sam looks for it. Docker's client raises the errors of requests, which are OSErrors.
        engine = get_validated_container_client()
        settings = engine.networks.get(ENGINE_NETWORK).attrs["IPAM"]["Config"]
    except (UserException, OSError) as error:
        raise StackError(f"No container engine answers: {error}") from None
    for each in settings or []:
        network = ip_network(each["Subnet"])
        if isinstance(network, IPv4Network):
            return ContainerNetwork(each.get("Gateway") or str(network[1]), network)
    raise StackError(f"The container engine's network {ENGINE_NETWORK!r} has no IPv4 addresses.")


def start_relay(found: ContainerNetwork, config: StackConfig) -> None:
    """Let containers reach the stack until it is taken down.

    Raises
    ------
    StackError
        Containers have no address here; the text says what to do.
    """
    try:
        with socket.create_server((found.gateway, 0)):
            pass
    except OSError:
        raise StackError(
            f"Containers cannot reach the stack: {found.gateway} is no address of this machine, as"
            " with rootless engines and Docker Desktop. make invoke needs no container."
        ) from None
    processes = Processes(config.folder)
    processes.stop(RELAY)
    ports = [str(port) for port in config.ports.values()]
    command = [sys.executable, "-m", "local.relay", found.gateway, str(found.network), *ports]
    processes.start(RELAY, command, clean_environ())

    def is_listening() -> bool:
        # The relay opens its ports in order, so the last one shows that all are open.
        with socket.socket() as probe:
            return probe.connect_ex((found.gateway, config.airflow_port)) == 0

    processes.wait_until(RELAY, is_listening, "listening", RELAY_TIMEOUT_S)


def make_environ(function: RuntimeFunction, host: str, config: StackConfig) -> dict[str, str]:
    """Return a deployed function's variables, with the stack at a host that containers reach."""
    # sam itself sets keys, region and profile.
    sams = aws_environ(config).keys() - {"AWS_ENDPOINT_URL"}
    environ = {
        name: value.replace(f"http://{HOST}:", f"http://{host}:")
        for name, value in function.environ.items()
        if name not in sams
    }
    # The simulated scanner is where the stand-in of ScanHub is.
    environ["DEVICE_NETWORKS"] = f"{host}/32"
    return environ


def write_files(folder: Path, host: str, hospital: Hospital, config: StackConfig) -> int:
    """Write environment, parameters and events into a folder; return the number of events.

    Parameters
    ----------
    folder
        Its content is deleted first.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for each in (folder, folder / "events"):
        each.mkdir(mode=0o700)
    functions = list_deployed_functions(config)
    environ = {each.logical_id: make_environ(each, host, config) for each in functions}
    write_private(folder / "env.json", json.dumps(environ, indent=2) + "\n")
    endpoint = f"AwsEndpointUrl=http://{host}:{config.aws_port}"
    parameters = dict(each.split("=", 1) for each in [*runtime_parameters(), endpoint])
    # sam takes only YAML, and JSON is YAML.
    write_private(folder / "parameters.yaml", json.dumps(parameters, indent=2) + "\n")
    samples = list_samples()
    for sample in samples:
        event = folder / sample.path
        event.parent.mkdir(mode=0o700, exist_ok=True)
        write_private(event, json.dumps(hospital.fill(sample), indent=2) + "\n")
    return len(samples)


def make_options(folder: Path, built: Path) -> list[str]:
    """Return the options that every `sam local` needs, as samconfig.toml has them."""
    return [
        f"--template-file {_shorten(built)}",
        f"--env-vars {_shorten(folder / 'env.json')}",
        f"--parameter-overrides file://{_shorten(folder / 'parameters.yaml')}",
        f"--region {REGION}",
    ]


def make_keys(config: StackConfig) -> dict[str, str]:
    """Return sam's own keys, which it passes to functions: the stack refuses URLs of other keys."""
    names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return {name: aws_environ(config)[name] for name in names} | {"AWS_SESSION_TOKEN": ""}


def print_lines(folder: Path, built: Path, config: StackConfig) -> None:
    """Print the commands to type."""
    keys = " ".join(f"{name}={value}" for name, value in make_keys(config).items())
    print("\nFirst, for sam hands its keys to the functions, and this AWS knows its own only:\n")
    print(f"  export {keys}")
    sam, options = _shorten(Path(SAM)), make_options(folder, built)
    invoke = f"{sam} local invoke {EXAMPLE.logical_id} --event {_shorten(folder / EXAMPLE.path)}"
    start_api = f"{sam} local start-api --port {API_PORT} --warm-containers LAZY"
    for title, line in (("One function, one event:", invoke), ("The API:", start_api)):
        print(f"\n{title}\n\n" + " \\\n    ".join([f"  {line}", *options]))
    url = f"http://{HOST}:{API_PORT}/v1/workflowmanager"
    print(f"\n  export SCANHUB_WORKFLOW_URL={url}   # for scanhub-workflow; the token stays\n")
    print(
        "In this folder samconfig.toml gives all options but --event. The first call fetches AWS's"
    )
    print("image of the runtime; with --skip-pull-image, later ones do not ask for a newer one.")


def _shorten(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def prepare(config: StackConfig) -> None:
    """Write the files, start the relay if an engine is there, and print the commands to type."""
    hospital = Hospital(require_stack(config))
    built = build(config, Processes(config.folder))
    folder, host = config.sam_local_folder, HOST
    try:
        found = find_network()
    except StackError as error:
        print(f"{error}\nWith one, run make sam-local again; make invoke needs none.")
    else:
        start_relay(found, config)
        host = found.gateway
        print(f"Containers reach the stack at {host}, until make down.")
    n_events = write_files(folder, host, hospital, config)
    print(f"{_shorten(folder)} has the environment, and {n_events} events with ids of this stack.")
    print_lines(folder, built, config)


def main(_: Sequence[str] | None = None) -> int:
    """Prepare and return the exit status."""
    try:
        prepare(StackConfig.from_environ())
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
