"""Run a built function as Lambda does, with AWS's Runtime Interface Emulator and runtime client.

The SAM command line ships the emulator, which needs no container. The interpreter is this one,
without its site-packages: a function finds only its own folder, the built layer and the runtime
client, so what is missing in the layer is missing here too.
"""

from __future__ import annotations

import importlib.util
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from typing import Any

import httpx
import psutil

from local.aws import make_client
from local.config import (
    HOST,
    STACK_NAME,
    StackConfig,
    StackError,
    aws_environ,
    host_architecture,
    python_runtime,
)

CLIENT_PACKAGE = "awslambdaric"
INVOKE_PATH = "/2015-03-31/functions/function/invocations"
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.02
# Lambda's own limit of the init phase; the emulator ends the function at its timeout.
INIT_TIMEOUT_S = 10.0
INIT_REPORT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
INIT_SUCCESS = "INIT RTDONE(status: success)"


@dataclass(frozen=True)
class RuntimeFunction:
    """A function and its configuration.

    Attributes
    ----------
    handler
        Module and function, joined by a dot.
    timeout_s, memory_mb
        The emulator enforces only the timeout [s].
    """

    logical_id: str
    handler: str
    timeout_s: int
    memory_mb: int
    environ: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Usage:
    """Largest resident set [bytes] and processor time [s] of a function's process so far."""

    peak_bytes: int
    cpu_s: float


def list_deployed_functions(config: StackConfig) -> list[RuntimeFunction]:
    """Return all functions of a running laptop stack, with their deployed configuration."""
    resources = make_client(config, "cloudformation").get_paginator("list_stack_resources")
    found = [
        (resource["LogicalResourceId"], resource["PhysicalResourceId"])
        for page in resources.paginate(StackName=STACK_NAME)
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::Lambda::Function"
    ]
    client = make_client(config, "lambda")
    return [
        _to_function(logical_id, client.get_function_configuration(FunctionName=name), config)
        for logical_id, name in sorted(found)
    ]


def _to_function(
    logical_id: str, answer: Mapping[str, Any], config: StackConfig
) -> RuntimeFunction:
    return RuntimeFunction(
        logical_id=logical_id,
        handler=answer["Handler"],
        timeout_s=answer["Timeout"],
        memory_mb=answer["MemorySize"],
        environ={**aws_environ(config), **answer["Environment"]["Variables"]},
    )


class RuntimeEmulator:
    """One function in the emulator, as a context: its execution environment.

    Parameters
    ----------
    folder
        An empty folder for the log and the runtime client.
    """

    def __init__(
        self, function: RuntimeFunction, task_root: Path, layer: Path, folder: Path
    ) -> None:
        self.function = function
        self._task_root = task_root
        self._layer = layer
        self._folder = folder
        self._log = folder / "emulator.log"
        # Loopback only: a proxy of the environment must not come in between.
        self._client = httpx.Client(
            timeout=function.timeout_s + INIT_TIMEOUT_S + STOP_TIMEOUT_S, trust_env=False
        )

    def __enter__(self) -> RuntimeEmulator:
        """Start the emulator and wait until it listens; the first event starts the function."""
        port, api_port = _find_free_ports()
        self._client.base_url = httpx.URL(f"http://{HOST}:{port}")
        arguments = ["--log-level", "info"]
        arguments += ["--runtime-interface-emulator-address", f"{HOST}:{port}"]
        arguments += ["--runtime-api-address", f"{HOST}:{api_port}"]
        # -S and -s leave out all site-packages; -I would leave out PYTHONPATH as well.
        arguments += [sys.executable, "-S", "-s", "-m", CLIENT_PACKAGE, self.function.handler]
        client_folder = link_runtime_client(self._folder / "runtime")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - AWS's emulator with our own words
                [find_emulator(), *arguments],
                cwd=self._task_root,
                env=make_environ(self.function, self._task_root, self._layer, client_folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait_until_listening(port)
        return self

    def __exit__(self, *_: object) -> None:
        """End the emulator and its function."""
        self._client.close()
        children = psutil.Process(self._process.pid).children() if self._is_running() else []
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # The emulator kills its function, unless it was killed itself.
        for child in psutil.wait_procs(children, timeout=1)[1]:
            child.kill()

    def invoke(self, event: Any) -> Any:
        """Send an event and return the answer; an error of the function is an answer too."""
        # The HTTP status tells nothing: it is 200 for most errors of a function, 502 if it cannot
        # start.
        answer = self._client.post(INVOKE_PATH, content=json.dumps(event))
        try:
            return answer.json()
        except ValueError:
            # The emulator reports a timeout in plain text.
            return {"errorMessage": answer.text}

    def read_log(self) -> str:
        """Return what the emulator and the function have written so far."""
        return self._log.read_text(errors="replace")

    @property
    def has_initialized(self) -> bool:
        """Whether the function's modules could be imported."""
        return INIT_SUCCESS in self.read_log()

    def read_init_duration_s(self) -> float:
        """Return how long the init phase took [s]; raise if the function was not invoked yet."""
        if found := INIT_REPORT.search(self.read_log()):
            return float(found[1]) / 1000
        raise StackError(f"{self.function.logical_id} was not initialized; invoke it first.")

    def measure_usage(self) -> Usage:
        """Return what the function's process has used since its start; raise if it does not run."""
        children = psutil.Process(self._process.pid).children()
        if len(children) != 1:
            raise StackError(f"{self.function.logical_id} does not run; invoke it first.")
        [process] = children
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        if not peak:
            raise StackError("The kernel does not tell the largest resident set of a process.")
        times = process.cpu_times()
        return Usage(int(peak[1]) * 1024, times.user + times.system)

    def _is_running(self) -> bool:
        return self._process.poll() is None

    def _wait_until_listening(self, port: int) -> None:
        for _ in range(int(START_TIMEOUT_S / POLL_S)):
            with socket.socket() as probe:
                if probe.connect_ex((HOST, port)) == 0:
                    return
            try:
                status = self._process.wait(POLL_S)
            except subprocess.TimeoutExpired:
                continue
            raise StackError(f"The emulator ended with status {status}: {self.read_log()}")
        self.__exit__()
        raise StackError(f"The emulator did not listen in {START_TIMEOUT_S:.0f} s.")


def make_environ(
    function: RuntimeFunction, task_root: Path, layer: Path, client_folder: Path
) -> dict[str, str]:
    """Return the variables that Lambda defines, and the function's own."""
    folders = [task_root, layer / "python", client_folder]
    return {
        **function.environ,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{python_runtime()}",
        "AWS_LAMBDA_FUNCTION_NAME": function.logical_id,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout_s),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "LAMBDA_TASK_ROOT": str(task_root),
        "_HANDLER": function.handler,
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": ":".join(map(str, folders)),
        # Lambda's disks are read-only; bytecode must not get into the artefact.
        "PYTHONDONTWRITEBYTECODE": "1",
        "TZ": ":UTC",
    }


def find_emulator() -> Path:
    """Return the emulator for this machine, which the SAM command line ships."""
    spec = importlib.util.find_spec("samcli")
    folders = (spec.submodule_search_locations if spec else None) or []
    name = f"aws-lambda-rie-{host_architecture()}"
    for folder in folders:
        if (path := Path(folder, "local", "rapid", name)).is_file():
            return path
    raise StackError(f"aws-sam-cli with {name} is needed: make setup.")


def link_runtime_client(folder: Path) -> Path:
    """Return a new folder that holds only the runtime client and its dependencies."""
    try:
        needed = [re.split(r"[^\w-]", line)[0] for line in requires(CLIENT_PACKAGE) or []]
    except PackageNotFoundError as error:
        raise StackError(f"{error.name} is needed: make setup.") from None
    return link_packages(folder, [CLIENT_PACKAGE, *needed])


def link_packages(folder: Path, names: Iterable[str]) -> Path:
    """Return a new folder that holds only some of the installed packages."""
    folder.mkdir()
    try:
        for name in names:
            package = distribution(name)
            for top in {file.parts[0] for file in package.files or []} - {"..", "__pycache__"}:
                (folder / top).symlink_to(Path(str(package.locate_file(top))).resolve())
    except PackageNotFoundError as error:
        raise StackError(f"{error.name} is needed: make setup.") from None
    return folder


def _find_free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind((HOST, 0))
        other.bind((HOST, 0))
        return one.getsockname()[1], other.getsockname()[1]
