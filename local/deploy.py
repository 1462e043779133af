"""Build and deploy to AWS as samconfig.toml says: ``make deploy TO=staging``."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from local.build import SAM
from local.certificates import make_environ
from local.config import ROOT, StackError, python_runtime
from local.layer import LAYER, finish_build

CONFIG = ROOT / "samconfig.toml"
BUILD_FOLDER = ROOT / ".aws-sam/deploy"
RUNTIME = "python3.13"


def deploy(environment: str) -> None:
    """Build and deploy one environment.

    Parameters
    ----------
    environment
        A name in samconfig.toml.

    Raises
    ------
    StackError
        There is no such environment.
    subprocess.CalledProcessError
        sam has failed, and said why.
    """
    overrides = read_overrides(environment)
    # sam looks for its settings beside the template, which moves.
    chosen = ["--config-file", str(CONFIG), "--config-env", environment]
    _run(SAM, "build", *chosen, "--build-dir", str(BUILD_FOLDER))
    mark_layer(BUILD_FOLDER / LAYER, overrides)
    runtime = dict(each.split("=", 1) for each in overrides).get("PythonRuntime", RUNTIME)
    has_bytecode = python_runtime() == runtime
    if not has_bytecode:
        print(
            f"No bytecode: this is {python_runtime()}. With {runtime}, starts take 0.4 of the time."
        )
    print(f"layer with a function: {finish_build(BUILD_FOLDER, has_bytecode=has_bytecode)}")
    _run(SAM, "deploy", *chosen, "--template-file", str(BUILD_FOLDER / "template.yaml"))


def read_overrides(environment: str, config: Path = CONFIG) -> list[str]:
    """Return the template's parameters of an environment, ``Name=value``.

    Parameters
    ----------
    environment
        A name in samconfig.toml.
    config
        That file.

    Raises
    ------
    StackError
        There is no such environment.
    """
    known = tomllib.loads(config.read_text())
    chosen = known.get(environment)
    if not isinstance(chosen, dict):
        names = ", ".join(name for name, value in known.items() if isinstance(value, dict))
        raise StackError(f"Say where to deploy: make deploy TO=name, with one of {names}.")
    shared = chosen.get("global", {}).get("parameters", {})
    own = chosen.get("deploy", {}).get("parameters", {})
    return list({**shared, **own}.get("parameter_overrides", []))


def mark_layer(layer: Path, overrides: Sequence[str]) -> None:
    """Let the layer differ when parameters do: SAM publishes new code, but no new parameters.

    Parameters
    ----------
    layer
        Its folder.
    overrides
        The parameters.
    """
    digest = hashlib.sha256("\n".join(sorted(overrides)).encode()).hexdigest()
    (layer / "parameters.sha256").write_text(digest)


def _run(*command: str) -> None:
    # sam build looks for the functions' Python on the PATH.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environ = {**make_environ(), "PATH": path, "SAM_CLI_TELEMETRY": "0"}
    subprocess.run(command, cwd=ROOT, env=environ, check=True)  # noqa: S603 - our own words, no shell


def main() -> int:
    """Deploy and return the exit status."""
    try:
        deploy(sys.argv[1] if len(sys.argv) > 1 else "")
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
