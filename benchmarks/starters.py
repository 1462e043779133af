"""All that starts without a stack: every function of the template, and the reference Lambda."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cfnlint.decode import decode

from local.config import HOST, ROOT, StackConfig, StackError, aws_environ, python_runtime
from local.processes import Processes
from local.runtime import RuntimeFunction
from tools.build import build
from tools.layer import LAYER

SOURCES = ROOT / "benchmarks" / "reference"
INSTALL_TIMEOUT_S = 280
REFERENCE, HTTP, EVENT = "reference", "HTTP", "event"
# Nobody listens there, so a call during the start of a function fails at once.
CLOSED_URL = f"https://{HOST}:9"
_SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:scanhub"  # noqa: S105 - a name
_SERVICES = ("USER_LOGIN", "EXAM", "PATIENT", "SEQUENCE", "DEVICE")
# Values that only a deployment knows. The orchestrator is MWAA: the first call only needs its
# client, whereas for an Airflow by URL we ask Secrets Manager first.
VALUES: Mapping[str, str] = {
    "AWS_ENDPOINT_URL": CLOSED_URL,
    "STACK_NAME": "cold-start",
    "TABLE_NAME": "state",
    "BUCKET_NAME": "data-lake",
    "QUEUE_URL": f"{CLOSED_URL}/123456789012/events",
    "SIMULATION_QUEUE_URL": f"{CLOSED_URL}/123456789012/simulation",
    "CHANGE_QUEUE_URL": f"{CLOSED_URL}/123456789012/changes.fifo",
    "EVENT_BUS_NAME": "scanhub",
    "MWAA_ENVIRONMENT_NAME": "airflow",
    "SERVICE_ACCOUNT_SECRET_ARN": _SECRET_ARN,
    "WORKFLOW_MANAGER_URL": CLOSED_URL,
    **{f"{name}_MANAGER_URI": CLOSED_URL for name in _SERVICES},
}


@dataclass(frozen=True)
class Starter:
    """A function that can be started: its kind, configuration, built folder and layer."""

    name: str
    kind: str
    function: RuntimeFunction
    root: Path
    layer: Path


def build_all() -> tuple[list[Starter], list[Starter]]:
    """Build what has changed, and return the references and our functions."""
    config = StackConfig.from_environ()
    references = build_reference()
    built, problems = decode(str(build(config, Processes(config.folder))))
    if problems or built is None:
        raise StackError(f"The built template cannot be read: {problems}")
    return references, list_functions(built, config.build_folder)


def build_reference() -> list[Starter]:
    """Install the reference, unless it is there; return it with bytecode and without."""
    config = StackConfig.from_environ()
    for name in ("run", "log"):
        (config.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = config.build_folder.with_name("reference")
    compiled, plain, stamp = folder / "compiled", folder / "plain", folder / ".inputs"
    contents = [(SOURCES / name).read_bytes() for name in ("app.py", "requirements.txt")]
    digest = hashlib.sha256(b"".join([python_runtime().encode(), *contents])).hexdigest()
    if not (stamp.exists() and stamp.read_text() == digest):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(compiled)]
        command += ["--require-hashes", "-r", str(SOURCES / "requirements.txt")]
        environ = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
        processes = Processes(config.folder)
        processes.run("install-reference", command, environ, INSTALL_TIMEOUT_S)
        shutil.copy(SOURCES / "app.py", compiled)
        shutil.copytree(compiled, plain, ignore=shutil.ignore_patterns("__pycache__"))
        stamp.write_text(digest)
    function = _make_function("ReferenceFunction", {"TABLE_NAME": "state"}, 29, 1769)
    named = {REFERENCE: compiled, f"{REFERENCE}, no byte code": plain}
    no_layer = Path(os.devnull)
    return [Starter(name, REFERENCE, function, root, no_layer) for name, root in named.items()]


def list_functions(template: Mapping[str, Any], folder: Path) -> list[Starter]:
    """Return all functions of a decoded template that are built in a folder, by kind and name.

    Raises
    ------
    StackError
        A variable of a function has no value here.
    """
    common, found = template["Globals"]["Function"], []
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        own = {**common, **resource["Properties"]}
        variables = dict(common["Environment"]["Variables"])
        variables |= own["Environment"].get("Variables", {})
        values = _give_values(variables, template["Parameters"])
        function = _make_function(logical_id, values, own["Timeout"], own["MemorySize"])
        is_http = any(event["Type"] == "Api" for event in own.get("Events", {}).values())
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", logical_id.removesuffix("Function")).lower()
        kind, root = HTTP if is_http else EVENT, folder / logical_id
        found.append(Starter(name, kind, function, root, folder / LAYER))
    return sorted(found, key=lambda each: (each.kind != HTTP, each.name))


def _make_function(
    logical_id: str, variables: Mapping[str, str], timeout_s: int, memory_mb: int
) -> RuntimeFunction:
    environ = {**aws_environ(StackConfig()), "AWS_ENDPOINT_URL": CLOSED_URL, **variables}
    return RuntimeFunction(logical_id, "app.lambda_handler", timeout_s, memory_mb, environ)


def _give_values(
    variables: Mapping[str, Any], parameters: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Return the variables of a deployment: a value of ours, or a parameter's default."""
    values = {}
    for name, value in variables.items():
        default = None if isinstance(value, str) else parameters.get(value.get("Ref", ""), {})
        if name in VALUES:
            values[name] = VALUES[name]
        elif default is None:
            values[name] = value
        elif "Default" in default:
            values[name] = str(default["Default"])
        else:
            raise StackError(f"The benchmark has no value for {name}.")
    return values
