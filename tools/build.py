"""Build the deployable artefact with ``sam build`` if anything has changed: ``make build``."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from local.certificates import make_environ
from local.config import ROOT, StackConfig, StackError, host_architecture, python_runtime
from local.processes import Processes
from tools.layer import finish_build
from tools.sbom import write_sboms

BUILD_TIMEOUT_S = 600
SBOM_FOLDER = "sbom"
SOURCES = (
    *("functions", "layers", "dags/requirements.txt"),
    *("tools/layer.py", "tools/precompile.py", "tools/precompile_recorder.py", "tools/sbom.py"),
)
SAM = str(Path(sys.executable).parent / "sam")


def build(config: StackConfig, processes: Processes) -> Path:
    """Build functions and layer for this machine, with SBOMs, and return the built template."""
    if not config.template.exists():
        raise StackError(f"There is no {config.template}.")
    built, stamp = config.build_folder / "template.yaml", config.build_folder / ".inputs"
    digest = digest_inputs(config.template)
    if built.exists() and stamp.exists() and stamp.read_text() == digest:
        return built
    command = [SAM, "build", "--cached", "--parallel", "--template-file", str(config.template)]
    command += ["--build-dir", str(config.build_folder)]
    command += ["--cache-dir", str(config.build_folder.with_name("cache"))]
    command += ["--config-env", "laptop", "--parameter-overrides", *runtime_parameters()]
    processes.run("sam-build", command, _make_environ(), BUILD_TIMEOUT_S)
    print(f"layer with a function: {finish_build(config.build_folder)}")
    write_sboms(config.build_folder.with_name(SBOM_FOLDER))
    stamp.write_text(digest)
    return built


def runtime_parameters() -> list[str]:
    """Return the template's parameters for this machine's Python and processor."""
    return [f"PythonRuntime={python_runtime()}", f"Architecture={host_architecture()}"]


def digest_inputs(template: Path) -> str:
    """Return a digest of everything that the artefact is made from."""
    parts = [version("aws-sam-cli"), *runtime_parameters()]
    digest = hashlib.sha256("\n".join(parts).encode())
    for file in [template, *_sources(template.parent)]:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"\n{file.relative_to(template.parent)} {content}".encode())
    return digest.hexdigest()


def _sources(root: Path) -> Iterator[Path]:
    for source in SOURCES:
        path = root / source
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file


def _make_environ() -> dict[str, str]:
    """Return the caller's variables, as pip may need a mirror and proxy, with sam's own."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    # sam calls pip itself, so options go into variables.
    return {
        **make_environ(),
        "PATH": path,
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def main() -> int:
    """Build and return the exit status."""
    config = StackConfig.from_environ()
    try:
        for name in ("run", "log"):
            (config.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        built = build(config, Processes(config.folder))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"built {built.parent.relative_to(ROOT)} for {' '.join(runtime_parameters())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
