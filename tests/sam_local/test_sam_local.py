"""`sam local` as docs/invoke.md and `make sam-local` say it: AWS's image of the runtime."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.config import HOST, ROOT, StackConfig
from local.processes import Processes
from local.sam_local import API_PORT, make_keys
from local.samples import Sample, make_raw_data
from tests.e2e.laptop import Laptop
from tools.build import SAM

INVOKE_TIMEOUT_S = 300
API_TIMEOUT_S = 300
API = "sam-local-api"
API_URL = f"http://{HOST}:{API_PORT}/v1/workflowmanager"
ENVIRON = {**os.environ, **make_keys(StackConfig.from_environ()), "SAM_CLI_TELEMETRY": "0"}


def invoke(event: str, function: str, pull_options: list[str]) -> dict[str, Any]:
    """Return the answer to a line of docs/invoke.md."""
    done = subprocess.run(  # noqa: S603 - the page's words, no shell
        [SAM, "local", "invoke", function, "--event", event, *pull_options],
        cwd=ROOT,
        env=ENVIRON,
        capture_output=True,
        text=True,
        timeout=INVOKE_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


@pytest.mark.parametrize(
    "function, event",
    [
        ("HelloFunction", "events/hello/success.json"),
        ("GetOpenapiFunction", "events/get_openapi/openapi.json"),
        ("TriggerAirflowFunction", "events/trigger_airflow/s3_test_event.json"),
    ],
)
def test_event_that_needs_no_stack_works_as_it_is_committed(
    function: str, event: str, prepared: Laptop, pull_options: list[str]
) -> None:
    answer = invoke(event, function, pull_options)

    assert "errorMessage" not in answer
    assert answer.get("statusCode", 200) == 200


@pytest.mark.parametrize(
    "name, status",
    [
        ("hello/no_token", 401),
        ("list_available_tasks/success", 200),
        ("process_workflow/success", 200),
        ("process_workflow/unknown_workflow", 404),
        ("create_upload/for_dag", 201),
        ("get_upload/success", 200),
    ],
)
def test_function_works_on_the_stack(
    name: str, status: int, prepared: Laptop, pull_options: list[str]
) -> None:
    sample = Sample(*name.split("/"))
    event = prepared.config.sam_local_folder / sample.path

    assert invoke(str(event), sample.logical_id, pull_options)["statusCode"] == status


@pytest.fixture(scope="module")
def api(prepared: Laptop, pull_options: list[str]) -> Iterator[httpx.Client]:
    """Return the API of `sam local start-api`, for the operator."""
    processes = Processes(prepared.config.folder)
    command = [SAM, "local", "start-api", *pull_options]
    processes.start(API, command, ENVIRON)

    def is_listening() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, API_PORT)) == 0

    try:
        processes.wait_until(API, is_listening, "listening", API_TIMEOUT_S)
        headers = {"Authorization": f"Bearer {prepared.stack.token}"}
        with httpx.Client(
            base_url=API_URL, headers=headers, timeout=API_TIMEOUT_S, trust_env=False
        ) as client:
            yield client
    finally:
        processes.stop(API)


@pytest.mark.parametrize("path", ["/hello", "/hello/", "/tasks/", "/workflows/", "/dag_runs/"])
def test_api_answers_who_is_logged_in(path: str, api: httpx.Client) -> None:
    answer = api.get(path)

    assert answer.status_code == 200, answer.text


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("token", ["", "Bearer nobodys"])
def test_api_refuses_who_is_not_logged_in(token: str) -> None:
    answer = httpx.get(
        f"{API_URL}/hello/", headers={"Authorization": token}, timeout=60, trust_env=False
    )

    assert answer.status_code in {401, 403}


def test_scan_is_started_and_reconstructed(api: httpx.Client, prepared: Laptop) -> None:
    workflow_id = prepared.make_workflow()["workflow_id"]

    answer = api.post(f"/process/{workflow_id}/")

    assert answer.status_code == 200, answer.text
    prepared.wait_for_workflow(workflow_id, "completed")
    assert api.get(f"/workflows/{workflow_id}/").json()["status"] == "completed"


def test_command_line_and_its_doctor_work(
    api: httpx.Client, prepared: Laptop, tmp_path: Path
) -> None:
    program = Path(SAM).with_name("scanhub-workflow")
    environ = {
        **os.environ,
        "SCANHUB_WORKFLOW_URL": API_URL,
        "SCANHUB_WORKFLOW_TOKEN": prepared.stack.token,
    }
    raw_data = tmp_path / "kspace.npy"
    raw_data.write_bytes(make_raw_data())
    upload = ["upload", str(raw_data), "--dag", "cartesian_reconstruction", "--watch"]
    for words in (["tasks"], upload, ["doctor"]):
        done = subprocess.run(  # noqa: S603 - our own program
            [program, *words],
            env=environ,
            capture_output=True,
            text=True,
            timeout=INVOKE_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
