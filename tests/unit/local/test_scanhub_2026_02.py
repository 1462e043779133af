"""Devices and the simulated scanner of 2026-02: what they report, and the file on the volume."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from local.scanhub.app import Settings, make_app, make_stand_in
from local.scanhub.contract_2026_02.models import BrokenTask, TaskOut
from local.scanhub.dependencies import StandIn
from local.scanhub.errors import UnhandledError
from local.scanhub.server import open_socket, serve
from tests.fakes.upload_server import UPLOAD_ID, FakeUploadServer
from tests.unit.local.conftest import API_URL, PART_SIZE_BYTES
from tests.unit.local.device_socket import Device

START = "/api/v1/device/start_scan_via_websocket"
RAW_DATA = b"raw data of a phantom"
Json = dict[str, Any]


@dataclass
class Today:
    """A served stand-in of 2026-02, and a workflow on its scanner."""

    stand_in: StandIn
    client: httpx.Client
    release: threading.Event  # a scan acquires only while this is set
    uploads: FakeUploadServer
    task_id: str = ""
    device_id: str = ""

    def make_workflow(self) -> None:
        device = self.client.post("/_control/devices", json={"id": str(uuid4())}).json()
        workflow = {"device_id": device["id"]}
        made = self.client.post("/_control/workflows", json=workflow).raise_for_status().json()
        self.task_id, self.device_id = made["task_ids"][0], device["id"]

    def get_task(self) -> Json:
        return dict(self.client.get(f"/api/v1/exam/task/{self.task_id}").json())

    def get_device(self) -> Json:
        return dict(self.client.get(f"/api/v1/device/{self.device_id}").json())

    def start(self) -> httpx.Response:
        return self.client.post(START, json=self.get_task())

    def switch_on(self, kind: str, **more: Any) -> None:
        fault = {"service": "scanner", "kind": kind} | more
        self.client.post("/_control/faults", json=fault).raise_for_status()

    def wait_for_scan(self) -> Json:
        wait_until(lambda: self.scan()["state"] in {"finished", "failed"})
        return self.scan()

    def scan(self) -> Json:
        return dict(self.client.get("/_control/scans").json()[self.task_id])

    def list_files(self) -> list[str]:
        task = self.get_task()
        folder = self.stand_in.volume.folder / task["workflow_id"] / task["id"]
        return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(1000):
        if is_so():
            return
        threading.Event().wait(0.005)
    raise AssertionError("It did not come to pass in time.")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Today]:
    listener, release = open_socket(0), threading.Event()

    def acquire(path: Path) -> None:
        release.wait(5.0)
        path.write_bytes(RAW_DATA)

    address = f"127.0.0.1:{listener.getsockname()[1]}"
    settings = Settings(address, contract="2026-02", scan_duration_s=0.0, acquire=acquire)
    settings.volume = tmp_path_factory.mktemp("data")
    settings.transport = httpx.MockTransport(lambda request: today.uploads.answer(request))
    stand_in = make_stand_in(settings)
    with (
        serve(make_app(stand_in), listener),
        # After a crash the service closes the connection: none is used twice.
        httpx.Client(
            base_url=f"http://{address}",
            timeout=5.0,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        ) as client,
    ):
        today = Today(stand_in, client, release, FakeUploadServer(PART_SIZE_BYTES))
        yield today
        release.set()


@pytest.fixture
def today(server: Today) -> Iterator[Today]:
    client = server.client
    client.delete("/_control/faults").raise_for_status()
    settings = {"finishes_first": False, "file_name": "phantom.h5", "transfer_duration_s": 0}
    settings |= {"workflow_manager_url": ""}
    client.put("/_control/scanner", json=settings).raise_for_status()
    known = server.stand_in.credentials
    user = server.stand_in.accounts.log_in(known["username"], known["password"])
    assert user is not None
    client.headers["Authorization"] = f"Bearer {user.access_token}"
    server.release.set()
    server.make_workflow()
    yield server
    server.release.set()


@contextmanager
def connect(today: Today) -> Iterator[Device]:
    """Yield a new device that is connected; the workflow's scan is its."""
    new = {"name": "n", "description": "d"}
    answer = today.client.post("/api/v1/device/createdevice", json=new).raise_for_status()
    made = answer.json()
    assert answer.headers["content-disposition"].startswith("attachment")
    assert len(made["device_token"]) == 2048
    with open_device(today, made["device_id"], made["device_token"]) as device:
        today.device_id = made["device_id"]
        yield device


@contextmanager
def open_device(today: Today, device_id: str, token: str) -> Iterator[Device]:
    url, headers = today.client.base_url, {"Device-Id": device_id, "Device-Token": token}
    device = Device(url.host, url.port or 0, "/api/v1/device/ws", headers)
    try:
        yield device
    finally:
        device.close()


def name_task(today: Today) -> Json:
    token = today.client.headers["Authorization"].removeprefix("Bearer ")
    return {"task_id": today.task_id, "user_access_token": token}


# ------------------------------------------------------------------ the simulated scanner


def test_a_scan_ends_with_its_file_on_the_volume_and_its_result_set(today: Today) -> None:
    assert today.start().json() is None
    assert today.wait_for_scan()["error"] is None
    task = today.get_task()
    assert (task["status"], task["progress"]) == ("FINISHED", 100)
    [result] = task["results"]
    assert (result["type"], result["files"], result["meta"]) == ("NOT_SET", ["phantom.h5"], None)
    assert result["directory"] == f"/data/{task['workflow_id']}/{task['id']}/{result['id']}"
    assert today.list_files() == [f"{result['id']}/phantom.h5"]
    assert datetime.fromisoformat(result["datetime_created"]).tzinfo is None
    assert today.get_device()["status"] == "ONLINE"


def test_the_file_is_also_uploaded_for_its_task_where_that_is_wanted(today: Today) -> None:
    token = today.client.headers["Authorization"].removeprefix("Bearer ")
    today.uploads = FakeUploadServer(PART_SIZE_BYTES)
    today.uploads.token = token
    today.client.put("/_control/scanner", json={"workflow_manager_url": API_URL})
    today.start()
    scan = today.wait_for_scan()
    assert (scan["state"], scan["error"], scan["upload_id"]) == ("finished", None, UPLOAD_ID)
    assert (today.uploads.whole, today.uploads.body["task_id"]) == (RAW_DATA, today.task_id)
    assert len(today.list_files()) == 1


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.mrd", "MRD"), ("a.npy", "NUMPY"), ("a.DCM", "DICOM"), ("a.json", "CALIBRATION")],
)
def test_the_type_of_a_result_is_that_of_the_suffix(today: Today, name: str, kind: str) -> None:
    today.client.put("/_control/scanner", json={"file_name": name}).raise_for_status()
    today.start()
    today.wait_for_scan()
    assert today.get_task()["results"][0]["type"] == kind


def test_two_starts_are_two_scans_and_two_results(today: Today) -> None:
    today.release.clear()
    assert [today.start().status_code, today.start().status_code] == [200, 200]
    today.release.set()
    wait_until(lambda: today.scan()["n_starts"] == 2 and today.scan()["state"] == "finished")
    assert len(today.get_task()["results"]) == 2


def test_while_a_file_comes_the_result_is_blank_and_the_task_may_be_finished(today: Today) -> None:
    settings = {"finishes_first": True, "transfer_duration_s": 60.0}
    today.client.put("/_control/scanner", json=settings).raise_for_status()
    today.start()
    wait_until(lambda: bool(today.list_files()))
    task = today.get_task()
    assert (task["status"], [each["directory"] for each in task["results"]]) == ("FINISHED", [""])
    assert [Path(name).suffix for name in today.list_files()] == [".part"]


@pytest.mark.parametrize("kind", ["break_transfer", "spoil_transfer"])
@pytest.mark.parametrize(("times", "is_there"), [(1, True), (3, False)])
def test_a_transfer_that_fails_leaves_a_blank_result(
    today: Today, kind: str, times: int, is_there: bool
) -> None:
    today.switch_on(kind, times=times)
    today.start()
    scan, task = today.wait_for_scan(), today.get_task()
    # What the scan says of itself is independent of the file.
    assert (task["status"], task["progress"]) == ("FINISHED", 100)
    assert (scan["error"] is None) is is_there
    directories = [result["directory"] for result in task["results"]]
    assert directories.count("") == times and len(directories) == times + is_there


def test_a_failed_scan_says_error_and_keeps_its_progress(today: Today) -> None:
    today.switch_on("abort_scan")
    today.start()
    assert today.wait_for_scan()["state"] == "failed"
    task = today.get_task()
    assert (task["status"], task["progress"], task["results"]) == ("ERROR", 50, [])
    assert "aborted" not in str(task)
    assert today.get_device()["status"] == "ONLINE"


def test_after_a_logout_nothing_arrives_and_each_start_crashes(today: Today) -> None:
    today.switch_on("log_out", times=1)
    today.start()
    today.wait_for_scan()
    user = today.stand_in.accounts.log_in(
        *[today.stand_in.credentials[name] for name in ("username", "password")]
    )
    assert user is not None
    today.client.headers["Authorization"] = f"Bearer {user.access_token}"
    task = today.get_task()
    assert (task["status"], task["progress"], task["results"]) == ("INPROGRESS", 50, [])
    assert today.start().status_code == 500
    today.client.post("/_control/devices", json={"id": today.device_id})
    assert today.start().status_code == 200
    today.wait_for_scan()


@pytest.mark.parametrize(
    ("kind", "status"), [("drop_socket", "OFFLINE"), ("kill_device_manager", "BUSY")]
)
def test_a_lost_socket_refuses_the_next_start(today: Today, kind: str, status: str) -> None:
    today.switch_on(kind, times=1)
    today.start()
    today.wait_for_scan()
    assert (today.get_task()["status"], today.get_device()["status"]) == ("INPROGRESS", status)
    answer = today.start()
    assert (answer.status_code, answer.json()["detail"]) == (503, "Device offline.")


@pytest.mark.parametrize("kind", ["status", "garbage", "drop"])
def test_an_answer_that_is_lost_leaves_what_was_done(today: Today, kind: str) -> None:
    result_path = "/api/v1/exam/result"
    fault = {"method": "POST", "path_contains": "/result", "after_processing": True, "times": 1}
    today.switch_on(kind, **fault | {"service": "exam-manager"})
    with suppress(httpx.RemoteProtocolError):
        answer = today.client.post(result_path, params={"task_id": today.task_id})
        assert answer.status_code == 503 or b"no JSON" in answer.content
    # A blank result, which the next try finds
    assert [each["directory"] for each in today.get_task()["results"]] == [""]


# ------------------------------------------------------------------------ a device's socket


@pytest.mark.parametrize(
    ("device_id", "reason"),
    [("x", "Invalid device_id"), (None, "Invalid device_id or device_token")],
)
def test_a_stranger_is_let_in_and_then_shown_out(
    today: Today, device_id: str | None, reason: str
) -> None:
    with open_device(today, device_id or today.device_id, "wrong") as device:
        assert device.read_close() == (1008, reason)


def test_a_device_is_online_from_register_to_close(today: Today) -> None:
    with connect(today) as device:
        assert today.get_device()["status"] == "OFFLINE"
        data = {"device_name": "d", "parameter": {"frequency": 1}}
        answer = device.ask(command="register", data=data)
        assert answer["message"] == "Device registered successfully"
        assert device.ask(command="ping") == {"command": "pong"}
        device.ask(command="register", data={"device_name": "e"})
        told = today.get_device()
        assert (told["status"], told["device_name"], told["parameter"]) == ("ONLINE", "e", None)
    wait_until(lambda: today.get_device()["status"] == "OFFLINE")


def test_a_device_is_told_the_whole_task_its_sequence_and_the_token(today: Today) -> None:
    with connect(today) as device:
        device.ask(command="register", data={})
        order = today.get_task() | {"device_id": today.device_id}
        assert today.client.post(START, json=order).status_code == 200
        message = device.read()
    assert (message["command"], message["data"]["id"]) == ("start", today.task_id)
    assert message["data"]["acquisition_limits"] is None
    assert message["data"]["sequence"]["seq_file_extension"] == ".seq"
    assert message["data"]["access_token"] == name_task(today)["user_access_token"]


def test_the_word_of_a_device_is_that_of_its_task(today: Today) -> None:
    named = {"command": "update_status", **name_task(today)}
    seen = []
    with connect(today) as device:
        for status, progress in [("BUSY", -1), ("BUSY", 140), ("BUSY", 40), ("ERROR", 0)]:
            answer = device.ask(**named, status=status, data={"progress": progress})
            task = today.get_task()
            seen.append((answer["message"].split("update ")[-1], task["status"], task["progress"]))
        online = device.ask(command="update_status", status="ONLINE")
        strange = device.ask(command="update_status", status="ready")
        nameless = device.ask(command="update_status", status="BUSY")
        dead = device.ask(**named | {"user_access_token": "x"}, status="BUSY")
    assert seen == [
        ("processed (progress=0%).", "INPROGRESS", 0),
        ("processed (progress=100%).", "FINISHED", 100),
        ("processed (progress=40%).", "INPROGRESS", 40),
        ("processed (progress=40%).", "ERROR", 40),
    ]
    assert online["message"] == "Device ONLINE acknowledged."
    assert strange["message"] == "Invalid status: ready"
    assert nameless["message"] == "Missing task_id or user_access_token for task update."
    assert dead["message"] == "Error fetching task: 404: Task not found"


@pytest.mark.parametrize("is_right", [True, False])
def test_a_file_of_a_device_comes_in_frames(today: Today, is_right: bool) -> None:
    content = b"0123456789" if is_right else b"9876543210"
    announcement = {"filename": "scan.mrd", "size_bytes": 10, "content_type": "a/b"}
    announcement |= {"sha256": hashlib.sha256(b"0123456789").hexdigest()}
    with connect(today) as device:
        device.tell(
            command="file-transfer",
            **name_task(today),
            **announcement,
            device_parameter={"frequency": 1},
        )
        device.send_bytes(content[:4])
        # Swallowed: the task will not be finished.
        device.tell(
            command="update_status", status="BUSY", data={"progress": 100}, **name_task(today)
        )
        device.send_bytes(content[4:])
        answer = device.read()
        after = device.ask(command="ping")
    task = today.get_task()
    [result] = task["results"]
    assert (after, task["status"]) == ({"command": "pong"}, "NEW")
    if is_right:
        path = f"{result['directory']}/scan.mrd"
        assert answer["message"] == f"File {result['id']} saved to datalake: {path}"
        assert (result["type"], result["files"]) == ("MRD", ["scan.mrd", "device_parameter.json"])
    else:
        assert answer["message"] == "Checksum mismatch for uploaded file."
        assert result["directory"] == ""


def test_a_dead_token_at_a_transfer_kills_the_socket_unseen(today: Today) -> None:
    with connect(today) as device:
        device.ask(command="register", data={})
        named = name_task(today) | {"user_access_token": "dead"}
        device.tell(command="file-transfer", **named, filename="a.h5", size_bytes=1)
        order = today.get_task() | {"device_id": today.device_id}
        wait_until(lambda: today.client.post(START, json=order).status_code == 500)
        assert today.get_device()["status"] == "ONLINE"


# ---------------------------------------------------------------------------- what is kept


def test_rows_of_both_types_and_what_is_broken_are_kept(tmp_path: Path) -> None:
    settings = Settings("127.0.0.1:1", contract="2026-02", file=tmp_path / "scanhub.sqlite")
    first = make_stand_in(settings)
    [scan_id, dag_id] = first.seed.task_ids
    tasks = first.store.select(TaskOut)
    first.store.replace(BrokenTask.model_validate(tasks[0].model_dump()))
    # No orderly end: the process may have been killed.
    again = make_stand_in(settings)
    first.store.close()
    assert again.store.find(TaskOut, dag_id) == tasks[1]
    with pytest.raises(UnhandledError):
        again.store.find(TaskOut, scan_id)
    assert again.store.find(again.contract.device, UUID(again.contract.device_id)) is not None
    again.store.close()
