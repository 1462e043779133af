"""A served stand-in, and the workflow manager its scanner uploads to."""

import gc
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from local.scanhub.app import Settings, make_app, make_stand_in
from local.scanhub.server import open_socket, serve
from tests.fakes.upload_server import FakeUploadServer

API_URL = "https://api.invalid/api"
RAW_DATA = b"raw data of a phantom"
PART_SIZE_BYTES = 8


@dataclass
class Served:
    """A stand-in on a real socket, with a client that is logged in as the operator."""

    client: httpx.Client
    release: threading.Event  # a scan acquires only while this is set
    workflow_manager: FakeUploadServer
    seed: dict[str, Any] = field(default_factory=dict)
    token: str = ""

    def make_device(self) -> str:
        device_id = f"device-{uuid4()}"
        self.client.post("/_control/devices", json={"id": device_id}).raise_for_status()
        return device_id

    def make_workflow(self, **body: Any) -> dict[str, Any]:
        answer = self.client.post("/_control/workflows", json=body)
        assert answer.status_code == 201
        return dict(answer.json())

    def make_device_task(self, task_id: str, device_id: str) -> dict[str, Any]:
        zero = {"X": 0.0, "Y": 0.0, "Z": 0.0}
        limits = {"patient_height": 172, "patient_weight": 68, "Gender": "MALE", "patient_age": 41}
        return {
            "device_id": device_id,
            "record_id": task_id,
            "command": "START",
            "parametrized_sequence": {
                "acquisition_limits": limits,
                "sequence_parameters": {"fov": zero, "fov_offset": zero},
                "sequence": "{}",
            },
            "user_access_token": self.token,
        }

    def get_task(self, task_id: str) -> dict[str, Any]:
        return dict(self.client.get(f"/api/v1/exam/task/{task_id}").json())

    def wait_for_scan(self, task_id: str, *states: str) -> dict[str, Any]:
        def read() -> dict[str, Any] | None:
            scan = self.client.get("/_control/scans").json()[task_id]
            return scan if scan["state"] in states else None

        return wait_until(read)


def wait_until(read: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline:
        if (value := read()) is not None:
            return value
        time.sleep(0.005)
    raise AssertionError("It did not come to pass in time.")


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    listener = open_socket(0)
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    release = threading.Event()
    served = Served(httpx.Client(trust_env=False), release, FakeUploadServer(PART_SIZE_BYTES))

    def acquire(path: Path) -> None:
        release.wait(5.0)
        path.write_bytes(RAW_DATA)

    settings = Settings(
        address=address,
        workflow_manager_url=API_URL,
        scan_duration_s=0.0,
        acquire=acquire,
        transport=httpx.MockTransport(lambda request: served.workflow_manager.answer(request)),
    )
    with (
        serve(make_app(make_stand_in(settings)), listener),
        httpx.Client(base_url=f"http://{address}", timeout=5.0, trust_env=False) as served.client,
    ):
        yield served
        release.set()
    with warnings.catch_warnings():
        # A connection that uvicorn gave up on is found here, not in whichever test comes later.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def scanhub(server: Served) -> Iterator[Served]:
    client = server.client
    client.delete("/_control/faults").raise_for_status()
    server.seed = client.get("/_control/seed").json()
    form = {"username": server.seed["username"], "password": server.seed["password"]}
    server.token = client.post("/api/v1/userlogin/login", data=form).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {server.token}"
    client.cookies.clear()
    client.delete("/_control/requests").raise_for_status()
    server.release.set()
    server.workflow_manager = FakeUploadServer(PART_SIZE_BYTES)
    server.workflow_manager.token = server.token
    yield server
    server.release.set()
