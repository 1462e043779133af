"""The client on the functions' own apps: neither drifts from the other."""

import inspect
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from scanhub_workflow import Client, Clock, Retry, errors
from tests.fakes.app import InProcess, make_app
from tests.fakes.ports import MemoryPorts, call, find_ports
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION_ID,
    SCAN_ID,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    make_dag_data,
    make_world,
)
from tools.openapi import DOCUMENT
from workflow_manager.domain.dag_run import object_dag_run_id
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.exam import ResultType
from workflow_manager.domain.result import Result
from workflow_manager.domain.upload import MIN_PART_SIZE_BYTES
from workflow_manager.services.receive_results import Callback, receive_results
from workflow_manager.services.trigger_airflow import ObjectCreated, trigger_airflow

URL = "https://api.test/api/v1/workflowmanager"
# Those of DAGs, of probes and of browsers.
NOT_FOR_CLIENTS = {
    "check_readiness",
    # For viewers, which are led to the file; a client lists results, with a URL of each.
    "get_dicom",
    "get_console",
    "get_docs",
    "get_openapi",
    # For the console: other clients ask user-login-manager itself.
    "log_in",
    "receive_results",
    "receive_task_results",
}
# What takes several operations, or none.
SEVERAL = {"close", "download", "upload", "watch", "watch_dag_run"}
PREFERRED = "workflow_manager.domain.upload.PREFERRED_PART_SIZE_BYTES"


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


@pytest.fixture
def client(world: MemoryPorts, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            body, _, _ = world.lake.download(str(request.url))
            headers = {"ETag": '"1"', "Content-Length": str(len(body))}
            return httpx.Response(200, headers=headers, content=iter([body]))
        etag = world.lake.put_part(str(request.url), request.read())
        return httpx.Response(200, headers={"ETag": etag})

    storage = httpx.MockTransport(answer)
    retry = Retry(clock=Clock(sleep=lambda _: None))
    find_ports(monkeypatch, world)
    with start_blocking_portal() as portal:
        app = InProcess(make_app(), portal)
        with Client(URL, "t", transport=app, storage_transport=storage, retry=retry) as client:
            yield client


def test_every_operation_has_its_method() -> None:
    # Given the operations of the API
    paths = json.loads(DOCUMENT.read_text())["paths"].values()
    operations = {each["operationId"] for path in paths for each in path.values()}

    # Then the client has each of them, and nothing beside them but what takes several
    methods = {name for name, _ in inspect.getmembers(Client, inspect.isfunction)}
    public = {name for name in methods if not name.startswith("_")}
    assert public - SEVERAL == operations - NOT_FOR_CLIENTS


def test_workflow_from_plan_to_cancellation(client: Client) -> None:
    # Given a workflow that would start its scan
    assert client.hello() == "Hello, World!"
    assert DAG_ID in {dag.dag_id for dag in client.list_available_tasks().tasks.dags}
    assert client.validate_workflow(WORKFLOW_ID).would_start == [SCAN_ID]

    # When it is processed, watched and cancelled
    watched = client.watch(WORKFLOW_ID)
    assert next(watched).status == "pending"
    started = client.process_workflow(WORKFLOW_ID, auto_advance=False)
    assert started.task is not None
    assert (started.task.task_id, started.is_started) == (SCAN_ID, True)
    assert next(watched).status == "running"
    cancelled = client.cancel_workflow(WORKFLOW_ID)
    assert cancelled.workflow_status == "cancelled"

    # Then the watch ends, and lists and trail show it, page by page
    assert [workflow.status for workflow in watched] == ["cancelled"]
    found = list(client.list_workflows(status="cancelled"))
    assert [workflow.workflow_id for workflow in found] == [WORKFLOW_ID]
    trail = list(client.list_workflow_events(WORKFLOW_ID, page_size=1))
    assert trail[-1].to_state == "cancelled"
    assert [event.event_id for event in trail] == sorted({event.event_id for event in trail})
    after = list(client.list_workflow_events(WORKFLOW_ID, after=trail[-2].event_id))
    assert after == trail[-1:]


def test_task_is_cancelled_and_tried_again(client: Client) -> None:
    assert client.trigger_task(SCAN_ID).task.status == "IN_PROGRESS"
    assert client.cancel_task(WORKFLOW_ID, SCAN_ID).task.status == "CANCELLED"
    assert client.retry_task(WORKFLOW_ID, SCAN_ID).task.attempt == 2
    with pytest.raises(errors.ApiError):
        client.trigger_task(RECONSTRUCTION_ID)


def test_object_that_fits_nothing_is_listed(client: Client, world: MemoryPorts) -> None:
    # Given an empty object that came just now
    data = make_dag_data().model_copy(update={"size_bytes": 0})
    call(
        trigger_airflow,
        world,
        ObjectCreated(data),
        Cause("trigger_airflow", "r", datetime.now(UTC)),
    )

    # When the rejected objects are listed; then it is there
    [rejected] = client.list_rejected_objects()
    assert rejected.key == data.key


def test_results_of_a_run_are_listed(client: Client, world: MemoryPorts) -> None:
    # Given a run that has not ended
    deliver(world, make_dag_data())

    # When its results are listed; then there are none, and of a run that is none, an error
    assert list(client.list_results(object_dag_run_id(make_dag_data()))) == []
    with pytest.raises(errors.NotFoundError):
        list(client.list_results("unknown"))


def test_run_is_watched_and_downloaded(client: Client, world: MemoryPorts, tmp_path: Path) -> None:
    # Given a run that is watched, and cannot be downloaded yet
    dag_run_id = object_dag_run_id(make_dag_data())
    with pytest.raises(errors.NotFoundError):
        next(client.watch_dag_run(dag_run_id))
    deliver(world, make_dag_data())
    watched = client.watch_dag_run(dag_run_id)
    assert next(watched).state == "RUNNING"
    with pytest.raises(errors.ResultUnavailableError, match="RUNNING"):
        client.download(dag_run_id, tmp_path)

    # When its DAG has written a series and a preview, and reported an image and one that got lost
    prefix = f"result/{dag_run_id}/"
    bodies = {"1.dcm": b"one", "more/2.dcm": b"two", "more/": b"", "preview.png": b"picture"}
    for name, body in bodies.items():
        world.lake.put(prefix + name, body, "")
    image = Result(type=ResultType.DICOM, key=f"{prefix}1.dcm", preview_key=f"{prefix}preview.png")
    lost = Result(type=ResultType.DICOM, key=f"{prefix}3.dcm")
    callback = Callback(dag_id=DAG_ID, success=True, results=(image, lost))
    token = callback_token(world, dag_run_id)
    call(receive_results, world, token, callback, at(20, "receive_results"))

    # Then the watch ends, all files come, and the lost one is named
    assert [run.state for run in watched] == ["SUCCEEDED"]
    with pytest.raises(errors.ResultUnavailableError) as caught:
        client.download(dag_run_id, tmp_path)
    assert caught.value.keys == (lost.key,)
    found = {path: path.read_bytes() for path in tmp_path.rglob("[!.]*") if path.is_file()}
    del bodies["more/"]
    assert found == {tmp_path / name: body for name, body in bodies.items()}


def test_small_file_becomes_a_run(client: Client, tmp_path: Path) -> None:
    # Given a small file
    path = tmp_path / "kspace.npy"
    path.write_bytes(b"data")

    # When it is sent, then it is stored under an id of its own
    sent = client.upload_and_trigger(DAG_ID, path).data
    assert sent.dag_id == DAG_ID
    assert sent.status_url.endswith(f"/dag_runs/{sent.dag_run_id}/")
    assert list(client.list_dag_runs(dag_id="another")) == []


@pytest.mark.parametrize("target", [{"dag_id": DAG_ID}, {"task_id": SCAN_ID}])
def test_file_of_many_parts_arrives(
    client: Client,
    world: MemoryPorts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    target: dict[str, Any],
) -> None:
    # Given a file of four parts, the last of them short
    monkeypatch.setattr(PREFERRED, MIN_PART_SIZE_BYTES)
    path = tmp_path / "scan.h5"
    path.write_bytes(os.urandom(3 * MIN_PART_SIZE_BYTES + 3))

    # When it is uploaded, then the data lake has it, and S3's CRC agrees
    done = client.upload(path, **target)
    assert done.state == "COMPLETED"
    [key] = world.lake.keys
    assert world.lake.get(key) == path.read_bytes()


def test_upload_is_resumed_and_aborted(
    client: Client, world: MemoryPorts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an upload whose second part is there
    monkeypatch.setattr(PREFERRED, MIN_PART_SIZE_BYTES)
    path = tmp_path / "scan.h5"
    content = os.urandom(2 * MIN_PART_SIZE_BYTES + 3)
    path.write_bytes(content)
    seen: list[str] = []

    def stop(progress: Any) -> None:
        seen.append(progress.upload_id)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        client.upload(path, dag_id=DAG_ID, on_progress=stop)
    part = client.get_upload(seen[0]).parts[1]
    world.lake.put_part(part.url, content[MIN_PART_SIZE_BYTES : 2 * MIN_PART_SIZE_BYTES])

    # When it is resumed with another file, then not a byte of it is taken
    path.write_bytes(os.urandom(len(content)))
    with pytest.raises(errors.OtherFileError):
        client.upload(path, resume=seen[0])

    # When it is resumed with its own, then it is whole; a second time names the same run
    path.write_bytes(content)
    done = client.upload(path, resume=seen[0])
    assert world.lake.get(world.lake.keys[0]) == content
    assert client.upload(path, resume=seen[0]) == done

    # And one that is aborted is closed
    with pytest.raises(RuntimeError):
        client.upload(path, dag_id=DAG_ID, on_progress=stop)
    assert client.abort_upload(seen[-1]).state == "ABORTED"
    with pytest.raises(errors.UploadClosedError):
        client.upload(path, resume=seen[-1])


def test_refusals_are_the_apis_own(client: Client) -> None:
    with pytest.raises(errors.NotFoundError):
        client.get_dag_run("unknown")
    with pytest.raises(errors.NotFoundError):
        client.cancel_dag_run("unknown")
    with pytest.raises(errors.NotFoundError):
        client.retry_dag_run("unknown")
    with pytest.raises(errors.InvalidInputError, match="limit"):
        next(client.list_dag_runs(page_size=1000))
