"""Chromium, and all functions over a hospital in memory behind a real server."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Thread
from uuid import uuid4

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page

from tests.chromium import open_chromium
from tests.fakes import world as hospital
from tests.fakes.app import make_app
from tests.fakes.ports import MemoryPorts, call, find_ports
from tests.fakes.served import serve
from tests.fakes.served_lake import ServedLake
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.exam import ExamWorkflow
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results
from workflow_manager.services.trigger_airflow import ObjectCreated, StartDagRun, trigger_airflow

BASE = "/api/v1/workflowmanager"
START_TIMEOUT_S = 30


def now(actor: str = "operator") -> Cause:
    return Cause(actor, "request-1", datetime.now(UTC))


@dataclass
class Hospital:
    """What the page shows, and what may be done to it meanwhile."""

    url: str
    world: MemoryPorts
    lake: ServedLake
    # Of the data lake, where it is served.
    lake_url: str = "blob:"

    @property
    def console(self) -> str:
        return f"{self.url}{BASE}/console/"

    def begin(self) -> tuple[str, str, str]:
        """Return a new workflow whose scan is under way, that scan and its reconstruction."""
        workflow_id, scan_id, task_id = (str(uuid4()) for _ in range(3))
        ids = {"workflow_id": workflow_id}
        scan = hospital.SCAN.model_copy(update={"id": scan_id, **ids})
        reconstruction = hospital.RECONSTRUCTION.model_copy(update={"id": task_id, **ids})
        tasks = [scan, reconstruction]
        self.world.exam.add_workflow(ExamWorkflow(id=workflow_id, exam_id="exam-1", tasks=tasks))
        call(process_workflow, self.world, workflow_id, hospital.TOKEN, now())
        return workflow_id, scan_id, task_id

    def scan(self) -> tuple[str, str]:
        """Return a new workflow whose scan is done and whose run is under way, and that run."""
        workflow_id, scan_id, task_id = self.begin()
        key = f"acquisition/{workflow_id}/{scan_id}/{uuid4()}/raw.h5"
        data = ObjectVersion(bucket="data-lake", key=key, version_id="v1", size_bytes=1000)
        hospital.store(self.world, data)
        call(trigger_airflow, self.world, ObjectCreated(data), now("trigger_airflow"))
        for each in self.world.queue.dag_run_ids:
            call(trigger_airflow, self.world, StartDagRun(each), now("trigger_airflow"))
        self.world.queue.dag_run_ids.clear()
        execution = self.world.store.get_execution(workflow_id)
        assert execution is not None
        return workflow_id, str(execution.graph.tasks[task_id].dag_run_id)

    def tell(self, dag_run_id: str, callback: Callback) -> None:
        """Report of a run, as its DAG does."""
        token = hospital.callback_token(self.world, dag_run_id)
        call(receive_results, self.world, token, callback, now("dag"))

    def leave(self, dag_run_id: str, files: dict[str, bytes], preview: bytes = b"") -> None:
        """Let a run succeed with these DICOM files."""
        folder = f"result/{dag_run_id}"
        for name, body in files.items():
            self.world.lake.put(f"{folder}/{name}", body, "application/dicom")
        first: dict[str, str] = {"type": "DICOM", "key": f"{folder}/{min(files)}"}
        if preview:
            first["preview_key"] = f"{folder}/preview.png"
            self.world.lake.put(first["preview_key"], preview, "image/png")
        self.tell(dag_run_id, Callback.model_validate({"success": True, "results": [first]}))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hospital]:
    with serve_hospital(monkeypatch) as hospital_:
        yield hospital_


@contextmanager
def serve_hospital(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hospital]:
    """Serve all functions over memory, and the data lake of another origin."""
    lake = ServedLake()
    with serve(lake.answer) as lake.url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", lake.url)
        with _serve_functions(monkeypatch, lake) as hospital_:
            lake.origin = hospital_.url
            yield hospital_


@contextmanager
def _serve_functions(monkeypatch: pytest.MonkeyPatch, lake: ServedLake) -> Iterator[Hospital]:
    world = hospital.make_world()
    world.lake = lake
    world.clock = lambda: datetime.now(UTC)
    find_ports(monkeypatch, world)
    config = uvicorn.Config(make_app(), host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_TIMEOUT_S
    while not server.started:
        assert time.monotonic() < deadline, "The server does not start."
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Hospital(f"http://127.0.0.1:{port}", world, lake)
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # No longer: its event loop would be in the way of functions that are called directly.
    with open_chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(locale="en-GB", timezone_id="Europe/Berlin") as context:
        yield context


@pytest.fixture
def page(context: BrowserContext, served: Hospital) -> Iterator[Page]:
    """Return the page before a login; at its end it has asked nobody else and broken no policy."""
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text))
    page.goto(served.console)
    yield page
    known = (served.url, served.lake.url, served.lake_url, "blob:")
    assert [url for url in asked if not url.startswith(known)] == []
    # What a server refuses, the browser reports too.
    reported = ("Failed to load resource", "Access to fetch")
    assert [text for text in said if not text.startswith(reported)] == []
