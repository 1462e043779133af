"""Raw data to try, and a new workflow: ``python -m local.sample {files,workflow}``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from local.config import StackConfig, StackError
from local.phantom import Undersampling, simulate_acquisition, simulate_kspace
from local.stack import is_up
from local.state import Stack, read_stack

MATRIX_SIZE = 128
# Every second line, and 24 in the middle that show the coils' sensitivities.
ACCELERATED = Undersampling(factor=2, n_reference_lines=24)
CALL_TIMEOUT_S = 10.0
USUAL: tuple[dict[str, Any], ...] = (
    {"name": "Acquisition", "type": "DEVICE_TASK_SIMULATOR"},
    {"name": "Reconstruction", "type": "RECONSTRUCTION_TASK"},
)
DIAMOND: tuple[dict[str, Any], ...] = (
    {"name": "Acquisition", "type": "DEVICE_TASK_SIMULATOR"},
    {"name": "Left", "type": "RECONSTRUCTION_TASK"},
    {"name": "Right", "type": "RECONSTRUCTION_TASK"},
    {
        "name": "Comparison",
        "type": "PROCESSING_TASK",
        # Played by the workflow manager: no DAG that takes two images need be there.
        "args": {
            "input_task_ids": '["Left", "Right"]',
            "simulate": "true",
            "contrast": "comparison",
        },
    },
)


def write_samples(folder: Path) -> list[Path]:
    """Write one small measurement in three forms into a folder; existing files are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    scan, accelerated, kspace = (
        folder / name for name in ("scan.h5", "scan-accelerated.h5", "kspace.npy")
    )
    simulate_acquisition(scan, matrix_size=MATRIX_SIZE)
    simulate_acquisition(accelerated, matrix_size=MATRIX_SIZE, undersampling=ACCELERATED)
    np.save(kspace, simulate_kspace(matrix_size=MATRIX_SIZE, oversampling=1.0))
    return [scan, accelerated, kspace]


def make_workflow(stack: Stack, *, is_diamond: bool, dag_id: str = "", processing: str = "") -> str:
    """Make a workflow in the stand-in for ScanHub and return its id.

    Parameters
    ----------
    dag_id
        What reconstructs; by default, the DAG that ships.
    processing
        The DAG of one more task, which takes the image.
    """
    named = {"destinations": {"dag_id": dag_id}} if dag_id else {}
    tasks = [
        task | named if task["type"] == "RECONSTRUCTION_TASK" else task
        for task in (DIAMOND if is_diamond else USUAL)
    ]
    if processing:
        last = {"name": "Processing", "type": "PROCESSING_TASK"}
        tasks.append(last | {"destinations": {"dag_id": processing}})
    answer = httpx.post(
        f"{stack.scanhub_url}/_control/workflows",
        json={"tasks": tasks},
        timeout=CALL_TIMEOUT_S,
        # Loopback only: a proxy of the environment must not come in between.
        trust_env=False,
    )
    return str(answer.raise_for_status().json()["workflow_id"])


def describe_next(stack: Stack, workflow_id: str) -> str:
    """Return what to type next."""
    command = ".venv/bin/scanhub-workflow"
    login = f"--url {stack.api_url} --login-url {stack.scanhub_url} --username {stack.username}"
    return (
        f"Next:\n  {command} process {workflow_id} --watch\n"
        f"Before the first time (the password is {stack.password}):\n  {command} login {login}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.sample", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    files = commands.add_parser("files", help="write scan.h5, scan-accelerated.h5 and kspace.npy")
    files.add_argument("folder", type=Path, nargs="?", default=Path())
    workflow = commands.add_parser("workflow", help="make a new workflow on the stack that is up")
    workflow.add_argument("--dag", default="", help="the DAG that reconstructs")
    workflow.add_argument("--processing", default="", help="a DAG that processes the image")
    workflow.add_argument("--diamond", action="store_true", help="two reconstructions that meet")
    options = parser.parse_args(arguments)
    try:
        if options.command == "files":
            for path in write_samples(options.folder):
                print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
            return 0
        config = StackConfig.from_environ()
        if not is_up(config):
            raise StackError("The stack is not up: run make up.")
        stack = read_stack(config)
        workflow_id = make_workflow(
            stack,
            is_diamond=options.diamond,
            dag_id=options.dag,
            processing=options.processing,
        )
    except (StackError, OSError, httpx.HTTPError) as error:
        print(error, file=sys.stderr)
        return 1
    # The id alone on standard output, for `$(make workflow)`.
    print(workflow_id)
    print(describe_next(stack, workflow_id), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
