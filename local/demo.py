"""From scan to image on the laptop stack: ``python -m local.demo [path]``."""

from __future__ import annotations

import argparse
import shutil
import sys
from datetime import datetime
from pathlib import Path

import httpx
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from local.config import StackError
from local.demo_api import Api, DemoError, Json, log_in, wait_for
from local.demo_checks import (
    check_audit_trail,
    check_exam_manager,
    check_images,
    check_once_in_airflow,
    download_results,
)
from local.stack import Stack, up

DAG_ID = "cartesian_reconstruction"
OUT = Path("out")
Step = tuple[str, datetime]


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
        api = log_in(stack)
        shutil.rmtree(OUT, ignore_errors=True)
        OUT.mkdir()
        if path is None:
            show_scan(console, stack, api)
        else:
            show_reconstruction(console, stack, api, path)
    except (DemoError, StackError, httpx.HTTPError) as error:
        # The text may hold brackets, which rich would take for its markup.
        console.print(f"Failed: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted; make down stops the stack.")
        return 130
    console.print("The stack is still up: make status, make logs, make down.")
    return 0


def show_scan(console: Console, stack: Stack, api: Api) -> None:
    """Scan a phantom and show its way to the image.

    Parameters
    ----------
    console
        Where to.
    stack
        The running stack.
    api
        The API as the operator.
    """
    # A fresh copy of the seeded workflow, so that the demo runs as often as you like.
    url = f"{stack.scanhub_url}/_control/workflows"
    workflow_id = httpx.post(url, timeout=10).raise_for_status().json()["workflow_id"]
    with make_progress(console) as progress:
        workflow = follow_scan(api, workflow_id, progress)
    run_id = next(task["dag_run_id"] for task in workflow["tasks"] if task["dag_run_id"])
    run = api.call("GET", f"/dag_runs/{run_id}/")
    paths = download_results(stack, run, OUT)
    check_audit_trail(workflow)
    check_exam_manager(stack, api.client, workflow_id)
    check_once_in_airflow(stack, run)
    check_images(paths)
    shown = [f"{e['entity'].split(':')[0]} {e['name']}" for e in workflow["events"]]
    times = [datetime.fromisoformat(event["at"]) for event in workflow["events"]]
    title = f"Workflow {workflow_id} is {workflow['status']}"
    show_steps(console, title, list(zip(shown, times, strict=True)), paths)


def follow_scan(api: Api, workflow_id: str, progress: Progress) -> Json:
    """Process a workflow and show its tasks until it is completed.

    Parameters
    ----------
    api
        The API as the operator.
    workflow_id
        The workflow.
    progress
        Where its tasks are shown.

    Returns
    -------
    Json
        The completed workflow.
    """
    api.call("POST", f"/process/{workflow_id}/")
    bars: dict[str, TaskID] = {}

    def read() -> Json | None:
        workflow = api.call("GET", f"/workflows/{workflow_id}/")
        for task in workflow["tasks"]:
            if task["task_id"] not in bars:
                name = task["task_type"].replace("_", " ").lower()
                bars[task["task_id"]] = progress.add_task(name, total=100, status="")
            bar, status = bars[task["task_id"]], task["status"].replace("_", " ").lower()
            progress.update(bar, completed=task["progress"], status=status)
        if workflow["status"] == "failed":
            reasons = [task["reason"] for task in workflow["tasks"] if task["reason"]]
            raise DemoError(f"The workflow failed: {' '.join(reasons)}")
        return workflow if workflow["status"] == "completed" else None

    return wait_for(read, "the workflow")


def show_reconstruction(console: Console, stack: Stack, api: Api, path: Path) -> None:
    """Upload raw data and show its way to the image.

    Parameters
    ----------
    console
        Where to.
    stack
        The running stack.
    api
        The API as the operator.
    path
        ISMRMRD or NumPy file.
    """
    with make_progress(console) as progress:
        bar = progress.add_task("upload", total=path.stat().st_size, status="")
        run_id = api.upload(path, DAG_ID, lambda n_bytes: progress.advance(bar, n_bytes))
        bar = progress.add_task("reconstruction", total=100, status="")

        def read() -> Json | None:
            run = api.find(f"/dag_runs/{run_id}/?task_instances=false")
            if run is None:
                return None
            progress.update(bar, completed=run["progress"], status=run["state"].lower())
            if run["state"] == "FAILED":
                raise DemoError(run["reason"])
            return run if run["state"] == "SUCCEEDED" else None

        run = wait_for(read, "the run")
    paths = download_results(stack, run, OUT)
    check_once_in_airflow(stack, run)
    check_images(paths)
    names = {"created_at": "object arrived", "started_at": "DAG started", "finished_at": "results"}
    steps = [(name, datetime.fromisoformat(run[key])) for key, name in names.items() if run[key]]
    show_steps(console, f"Run {run_id} is {run['state'].lower()}", steps, paths)


def make_progress(console: Console) -> Progress:
    """Return the live display of what goes on."""
    return Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} % {task.fields[status]}"),
        TimeElapsedColumn(),
        console=console,
    )


def show_steps(console: Console, title: str, steps: list[Step], paths: list[Path]) -> None:
    """Print when each step happened and what came of it.

    Parameters
    ----------
    console
        Where to.
    title
        What the steps led to.
    steps
        Name and time of each, oldest first.
    paths
        Files that were downloaded.
    """
    console.print(title, markup=False, soft_wrap=True)
    table = Table()
    table.add_column("step")
    table.add_column(escape("at [s]"), justify="right")
    for name, at in steps:
        table.add_row(name, f"{(at - steps[0][1]).total_seconds():.2f}")
    console.print(table)
    for path in paths:
        console.print(str(path.resolve()), markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
