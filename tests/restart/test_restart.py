"""A stack that comes down and up again, on ports and in a folder of its own."""

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from local.config import ROOT, StackConfig
from local.processes import Processes
from local.sample import make_workflow
from local.stack import down, reset, up
from scanhub_workflow import Client
from tests.e2e.laptop import Laptop


@pytest.fixture(scope="module")
def config() -> Iterator[StackConfig]:
    """Return a stack that nobody else knows, and leave nothing of it."""
    config = replace(
        StackConfig.from_environ(),
        folder=ROOT / ".local-restart",
        scanhub_port=18095,
        aws_port=18096,
        airflow_port=18097,
    )
    reset(config)
    yield config
    reset(config)
    shutil.rmtree(config.folder)


def complete_a_workflow(laptop: Laptop) -> tuple[str, str]:
    """Return the ids of a new workflow that is completed, and of its run."""
    workflow_id = make_workflow(laptop.stack, is_diamond=False)
    laptop.process(workflow_id).raise_for_status()
    workflow = laptop.wait_for_workflow(workflow_id, "completed")
    [run_id] = [task["dag_run_id"] for task in workflow["tasks"] if task["dag_run_id"]]
    return workflow_id, run_id


def read_images(client: Client, run_id: str, folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in client.download(run_id, folder)}


def test_down_and_up_keep_what_was_done_and_reset_forgets_it(
    config: StackConfig, tmp_path: Path
) -> None:
    # Given a stack with a completed workflow
    stack = up(config)
    with Laptop.connect(config, stack) as laptop:
        workflow_id, run_id = complete_a_workflow(laptop)
        before = laptop.get_workflow(workflow_id)
        images = read_images(laptop.client, run_id, tmp_path / "before")
    # When it comes down and up
    down(config)
    again = up(config)
    # Then it is the same to its clients: address, login, workflow, run and images
    assert (again.api_url, again.token) == (stack.api_url, stack.token)
    with Laptop.connect(config, again) as laptop:
        assert laptop.get_workflow(workflow_id) == before
        assert read_images(laptop.client, run_id, tmp_path / "after") == images
        assert laptop.airflow.get(f"/dags/{config.dag_id}/dagRuns/{run_id}").json()["conf"]
        # And it goes on working: events, streams and scanner included
        complete_a_workflow(laptop)
    # When the laptop's AWS is killed, and the stack comes down and up
    emulator = Processes(config.folder).pid_of("aws")
    assert emulator
    os.kill(emulator, signal.SIGKILL)
    down(config)
    again = up(config)
    # Then all of it is there still
    assert again.api_url == stack.api_url
    with Laptop.connect(config, again) as laptop:
        assert laptop.get_workflow(workflow_id) == before
        complete_a_workflow(laptop)
    # When it is reset; then the next start knows nothing
    reset(config)
    fresh = up(config)
    with Laptop.connect(config, fresh) as laptop:
        assert fresh.token != stack.token
        answer = laptop.api.get(f"/workflows/{workflow_id}/")
        assert answer.status_code == httpx.codes.NOT_FOUND
        assert laptop.api.get("/workflows/").json()["workflows"] == []
