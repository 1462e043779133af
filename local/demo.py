"""From scan to image and its quality on the laptop stack: ``python -m local.demo [path]``.

It types an operator's commands, `scanhub-workflow …`, and then checks what they have caused.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.config import StackError
from local.demo_checks import (
    DemoError,
    check_audit_trail,
    check_exam_manager,
    check_images,
    check_once_in_airflow,
    read_quality,
)
from local.scanhub.seed import QUALITY_DAG_ID, QUALITY_TASKS
from local.stack import Stack, describe_console, up
from scanhub_workflow import Client, ScanHubError
from scanhub_workflow.login import log_in

COMMAND = "scanhub-workflow"
DAG_ID = "cartesian_reconstruction"
# Each run has a folder of its own in it: nothing that is there is touched.
OUT = Path("out")
TIMEOUT_S = 300
Step = tuple[str, datetime]


@dataclass(frozen=True)
class Operator:
    """Somebody who is logged in and types commands, which the console shows.

    Parameters
    ----------
    environ
        All variables, among them URL and token of the API.
    """

    console: Console
    environ: Mapping[str, str]

    def type(self, *arguments: str) -> None:
        """Run a command, shown as it is typed.

        Raises
        ------
        DemoError
            The command failed, or took more than five minutes.
        """
        self.console.print(f"$ {shlex.join([COMMAND, *arguments])}", markup=False, soft_wrap=True)
        # The command is installed in the environment that runs this.
        command = [str(Path(sys.executable).with_name(COMMAND)), *arguments]
        sys.stdout.flush()
        try:
            subprocess.run(  # noqa: S603 - our own command, no shell
                command, env=self.environ, check=True, timeout=TIMEOUT_S
            )
        except subprocess.CalledProcessError as error:
            raise DemoError(f"{COMMAND} {arguments[0]} ended with {error.returncode}.") from None
        except subprocess.TimeoutExpired:
            raise DemoError(f"{COMMAND} {arguments[0]} has not ended in {TIMEOUT_S} s.") from None


def main() -> int:
    """Run the demo and return the exit status: 0 only if every step was seen to happen."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument("path", nargs="?", type=Path, help="raw data of your own: .h5 or .npy")
    path: Path | None = parser.parse_args().path
    console = Console()
    try:
        if path is not None and not path.is_file():
            raise DemoError(f"{path} is not a file.")
        stack = up()
        token = log_in(stack.scanhub_url, stack.username, stack.password)
        login = {"SCANHUB_WORKFLOW_URL": stack.api_url, "SCANHUB_WORKFLOW_TOKEN": token}
        operator = Operator(console, {**os.environ, **login})
        with Client(stack.api_url, token) as client:
            if path is None:
                show_scan(operator, stack, client, token)
            else:
                show_reconstruction(operator, stack, client, path)
    except (DemoError, StackError, ScanHubError, httpx.HTTPError) as error:
        # rich would take brackets in the text for its markup.
        console.print(f"Failed: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted; make down stops the stack.")
        return 130
    console.print("The stack is still up: make status, make logs, make down.")
    console.print(describe_console(stack), markup=False, soft_wrap=True)
    return 0


def show_scan(operator: Operator, stack: Stack, client: Client, token: str) -> None:
    """Scan a phantom as the operator and show its way to the image and its quality."""
    # A fresh workflow, so that the demo runs as often as you like.
    url = f"{stack.scanhub_url}/_control/workflows"
    tasks = {"tasks": [task.model_dump(mode="json", exclude_none=True) for task in QUALITY_TASKS]}
    answer = httpx.post(url, json=tasks, timeout=10).raise_for_status()
    workflow_id = answer.json()["workflow_id"]
    operator.type("process", workflow_id, "--watch")
    workflow = client.get_workflow(workflow_id)
    run_ids = [task.dag_run_id for task in workflow.tasks if task.dag_run_id]
    for dag_id, run_id in zip((DAG_ID, QUALITY_DAG_ID), run_ids, strict=True):
        operator.type("download", run_id, "-o", str(OUT / run_id))
        check_once_in_airflow(stack, dag_id, run_id)
    check_audit_trail(workflow)
    check_exam_manager(stack, token, workflow_id)
    image_id, quality_id = run_ids
    check_images(OUT / image_id)
    show_quality(operator.console, read_quality(OUT / quality_id))
    steps = [(f"{e.entity.split(':')[0]} {e.name}", e.at) for e in workflow.events]
    show_steps(operator.console, steps)


def show_reconstruction(operator: Operator, stack: Stack, client: Client, path: Path) -> None:
    """Upload raw data, an ISMRMRD or NumPy file, and show its way to the image."""
    operator.type("upload", str(path), "--dag", DAG_ID, "--watch")
    run = next(client.list_dag_runs(dag_id=DAG_ID, page_size=1))
    operator.type("download", run.dag_run_id, "-o", str(OUT / run.dag_run_id))
    check_once_in_airflow(stack, DAG_ID, run.dag_run_id)
    check_images(OUT / run.dag_run_id)
    steps = {
        "object arrived": run.created_at,
        "DAG started": run.started_at,
        "results": run.finished_at,
    }
    show_steps(operator.console, [(name, at) for name, at in steps.items() if at])


def show_quality(console: Console, quality: Mapping[str, float]) -> None:
    """Print the measures of the image in plain English."""
    console.print(
        f"Signal-to-noise: the signal is {quality['snr']:.0f} times the noise.\n"
        f"Ghosting: ghosts have {quality['percent_signal_ghosting']:.1f} % of the signal.\n"
        f"Uniformity: {quality['percent_integral_uniformity']:.0f} % "
        "(100 % is the same signal everywhere; this phantom has bright and dark parts).",
        soft_wrap=True,
    )


def show_steps(console: Console, steps: list[Step]) -> None:
    """Print when each step, given by name and time, happened, oldest first."""
    table = Table()
    table.add_column("step")
    table.add_column(escape("at [s]"), justify="right")
    for name, at in steps:
        table.add_row(name, f"{(at - steps[0][1]).total_seconds():.2f}")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
