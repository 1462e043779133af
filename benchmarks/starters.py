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
# An Airflow by URL would ask Secrets Manager first; the first call of MWAA only needs its client.
VALUES: Mapping[str, str] = {"MWAA_ENVIRONMENT_NAME": "airflow"}


@dataclass(frozen=True)
class Starter:
    """A function that can be started: its kind, configuration, built folder and layer."""

    name: str
    kind: str
    function: RuntimeFunction
    root: Path
    layer: Path


def build_all() -> list[Starter]:
    """Build what has changed, and return the reference and our functions."""
    config = StackConfig.from_environ()
    reference = build_reference(config)
    build(config, Processes(config.folder))
    return [reference, *_read_functions(config.build_folder)]


def list_built(checkout: Path) -> list[Starter]:
    """Return the functions of another checkout, which ``make build`` has built there."""
    folder = checkout / StackConfig.from_environ().build_folder.relative_to(ROOT)
    if not (folder / "template.yaml").is_file():
        raise StackError(f"There is no build in {checkout}: make build.")
    return _read_functions(folder)


def _read_functions(folder: Path) -> list[Starter]:
    built, problems = decode(str(folder / "template.yaml"))
    if problems or built is None:
        raise StackError(f"The built template cannot be read: {problems}")
    return list_functions(built, folder)


def build_reference(config: StackConfig) -> Starter:
    """Install the reference, unless it is there."""
    for name in ("run", "log"):
        (config.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = config.build_folder.with_name("reference")
    stamp = folder / ".inputs"
    contents = [(SOURCES / name).read_bytes() for name in ("app.py", "requirements.txt")]
    digest = hashlib.sha256(b"".join([python_runtime().encode(), *contents])).hexdigest()
    if not (stamp.exists() and stamp.read_text() == digest):
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
        command += ["--require-hashes", "-r", str(SOURCES / "requirements.txt")]
        environ = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
        processes = Processes(config.folder)
        processes.run("install-reference", command, environ, INSTALL_TIMEOUT_S)
        shutil.copy(SOURCES / "app.py", folder)
        stamp.write_text(digest)
    function = _make_function("ReferenceFunction", {"TABLE_NAME": "state"})
    return Starter(REFERENCE, REFERENCE, function, folder, Path(os.devnull))


def list_functions(template: Mapping[str, Any], folder: Path) -> list[Starter]:
    """Return all functions of a decoded template that are built in a folder, by kind and name."""
    common, found = template["Globals"]["Function"]["Environment"]["Variables"], []
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        own = resource["Properties"]
        variables = common | own.get("Environment", {}).get("Variables", {})
        values = {
            name: VALUES.get(name) or _give_value(value, template["Parameters"])
            for name, value in variables.items()
        }
        function = _make_function(logical_id, values)
        is_http = any(event["Type"] == "Api" for event in own.get("Events", {}).values())
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", logical_id.removesuffix("Function")).lower()
        kind, root = HTTP if is_http else EVENT, folder / logical_id
        found.append(Starter(name, kind, function, root, folder / LAYER))
    return sorted(found, key=lambda each: (each.kind != HTTP, each.name))


def _give_value(value: Any, parameters: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a variable's own value or its parameter's default; `CLOSED_URL` if none is known."""
    if isinstance(value, str):
        return value
    return str(parameters.get(value.get("Ref", ""), {}).get("Default", CLOSED_URL))


def _make_function(logical_id: str, variables: Mapping[str, str]) -> RuntimeFunction:
    environ = {**aws_environ(StackConfig()), "AWS_ENDPOINT_URL": CLOSED_URL, **variables}
    # A plain interpreter enforces neither timeout nor memory.
    return RuntimeFunction(logical_id, "app.lambda_handler", 29, 1769, environ)
