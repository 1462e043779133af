"""What is taken for raw data, and what is left alone."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from scanhub_workflow.bridge.board import BoardTask
from scanhub_workflow.bridge.exam_manager import ExamWorkflow, Generation
from scanhub_workflow.bridge.raw_data import find_raw_data
from scanhub_workflow.bridge.volume import Volume
from tests.fakes.bridge_world import RAW_DATA, RAW_NAME, BridgeWorld
from workflow_manager.domain.upload import MIN_PART_SIZE_BYTES

MakeWorld = Callable[[str], BridgeWorld]
PREFERRED = "workflow_manager.domain.upload.PREFERRED_PART_SIZE_BYTES"


@pytest.fixture
def today(make_bridge_world: MakeWorld) -> BridgeWorld:
    return make_bridge_world("2026-02")


def find_file(world: BridgeWorld) -> Path:
    [path] = world.data.rglob("*.h5")
    return path


def test_file_on_its_way_is_left_alone(today: BridgeWorld) -> None:
    # Given a device that sends its file
    transfer = today.begin_transfer()
    transfer.write(RAW_DATA[:5])

    # When the bridge looks; then it waits, and says for what
    assert today.run_bridge()
    assert today.reasons == ["Its newest result is blank: a transfer is under way, or broke off."]
    assert today.uploaded == []

    # When the file is whole; then it goes
    transfer.write(RAW_DATA[5:])
    transfer.finish()
    assert today.run_bridge()
    assert today.uploaded == [RAW_DATA]


def test_file_that_grows_is_left_alone(world: BridgeWorld) -> None:
    world.acquire()

    def grow() -> None:
        with find_file(world).open("ab") as file:
            file.write(b"more")

    world.on_sleep = grow
    assert world.run_bridge()
    assert (world.reasons, world.uploaded) == (["Its file still grows."], [])
    world.on_sleep = lambda: None
    assert world.run_bridge()
    assert world.uploaded == [RAW_DATA + b"more"]


def test_file_that_changes_while_it_is_sent_begins_anew(world: BridgeWorld) -> None:
    world.acquire()

    def change(service: str, line: str, is_answered: bool) -> None:
        if service == "s3" and not is_answered:
            find_file(world).write_bytes(RAW_DATA[::-1])

    world.wire.fault = change
    assert world.run_bridge()
    assert world.uploaded == []
    world.wire.fault = lambda service, line, is_answered: None
    assert world.run_bridge()
    assert world.uploaded == [RAW_DATA[::-1]]
    assert world.ports.lake.list_open_uploads("") == []


@pytest.mark.parametrize("name", ["scan.h5", "scan.mrd", "scan.bin", "kspace.npy", "ohne"])
def test_every_kind_of_raw_data_goes(today: BridgeWorld, name: str) -> None:
    today.acquire(name=name)
    assert today.run_bridge()
    assert today.uploaded == [RAW_DATA]


def test_calibration_is_no_raw_data(today: BridgeWorld) -> None:
    today.acquire(name="calibration.json")
    assert today.run_bridge()
    assert (today.reasons, today.uploaded) == ([], [])
    # Before it or behind it, the raw data is.
    today.acquire()
    today.acquire(name="calibration.json")
    assert today.run_bridge()
    assert today.uploaded == [RAW_DATA]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"files": ["../../../secret.h5"]}, "names no plain place"),
        ({"files": ["/etc/passwd"]}, "names no plain place"),
        ({"files": [".hidden"]}, "names no plain place"),
        ({"files": ["a\u202eb.h5"]}, "names no plain place"),
        ({"files": ["gone.h5"]}, "There is no file"),
        ({"files": []}, "no file"),
        ({"files": ["a.h5", "b.h5"]}, "several files"),
        ({"directory": "/data/../etc"}, "not its own"),
        ({"directory": "/etc/"}, "not its own"),
    ],
)
def test_word_that_leads_elsewhere_is_not_followed(
    today: BridgeWorld, columns: dict[str, object], reason: str
) -> None:
    today.set_result(today.acquire(), **columns)
    (today.folder / "secret.h5").write_bytes(b"secret")
    assert not today.run_bridge()
    [item] = today.status["items"]
    assert reason in item["reason"]
    assert (item["state"], item["n_failed"]) == ("cannot be carried", 1)
    assert item["next_try"]
    assert today.uploaded == []


@pytest.mark.parametrize("mount", ["/data", "/srv/lake/data", "{data}"])
def test_directory_is_its_own_wherever_scanhub_has_the_volume(
    today: BridgeWorld, mount: str
) -> None:
    result_id = today.acquire()
    place = f"{today.workflow_id}/{today.scan_id}/{result_id}"
    today.set_result(result_id, directory=f"{mount.format(data=today.data)}/{place}/")
    assert today.run_bridge()
    assert today.uploaded == [RAW_DATA]


@pytest.mark.parametrize(
    ("place", "is_its_own"),
    [
        ("{workflow}/{task}/scan", True),
        ("raw", True),
        ("{other}/{task}", False),
        ("{workflow}/{other}", False),
        ("raw/{other}", False),
    ],
)
def test_place_that_names_other_ids_is_not_its_own(
    make_bridge_world: MakeWorld, place: str, is_its_own: bool
) -> None:
    # Given a result of 2025-03, where anybody names any directory
    world = make_bridge_world("2025-03")
    result_id = world.acquire()
    directory = place.format(workflow=world.workflow_id, task=world.scan_id, other=uuid4())
    (world.data / directory).mkdir(parents=True)
    find_file(world).rename(world.data / directory / RAW_NAME)
    world.set_result(result_id, directory=f"/data/{directory}")
    assert world.run_bridge() == is_its_own
    assert len(world.uploaded) == is_its_own


def test_folder_that_cannot_be_read_is_a_reason(
    today: BridgeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(volume: Volume, path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    # Given a scan in a folder of somebody else's
    today.acquire()
    monkeypatch.setattr(Volume, "look", refuse)
    assert not today.run_bridge()
    assert today.reasons == ["The volume cannot be read or written: Permission denied."]


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_link_is_not_followed(world: BridgeWorld, depth: int) -> None:
    # Given a link in the place of the file, or of a folder above it
    world.acquire()
    path = [find_file(world), *find_file(world).parents][depth]
    path.rename(world.folder / "elsewhere")
    path.symlink_to(world.folder / "elsewhere")
    assert not world.run_bridge()
    assert "A link is where" in world.reasons[0]
    assert world.uploaded == []


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_link_that_comes_while_the_file_waits_is_not_followed(
    world: BridgeWorld, depth: int
) -> None:
    # Given somebody who waits until the file was looked at, and puts a link there
    world.acquire()
    path = [find_file(world), *find_file(world).parents][depth]

    def plant() -> None:
        path.rename(world.folder / "elsewhere")
        path.symlink_to(world.folder / "elsewhere")

    world.on_sleep = plant
    assert not world.run_bridge()
    assert "A link is where" in world.reasons[0]
    assert world.uploaded == []


def test_file_that_is_replaced_before_its_plan_does_not_go_as_it_was(world: BridgeWorld) -> None:
    # Given a file that was looked at, and is another one when its upload is planned
    world.acquire()

    def replace(service: str, line: str, is_answered: bool) -> None:
        if line.startswith("GET api") and line.endswith("/uploads/") and not is_answered:
            world.wire.fault = lambda service, line, is_answered: None
            find_file(world).write_bytes(RAW_DATA[:9])

    world.wire.fault = replace
    assert world.run_bridge()
    assert world.uploaded == []
    assert world.reasons == ["Its file has changed while it was sent."]
    assert world.run_bridge()
    assert world.uploaded == [RAW_DATA[:9]]
    assert world.ports.lake.list_open_uploads("") == []


def test_file_that_is_replaced_while_the_bridge_is_down_goes_as_it_is(
    world: BridgeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an upload that broke off, and a file of the same size by then
    monkeypatch.setattr(PREFERRED, MIN_PART_SIZE_BYTES)
    content = os.urandom(2 * MIN_PART_SIZE_BYTES)
    world.acquire(content)

    def fail(service: str, line: str, is_answered: bool) -> None:
        if line.endswith("/complete/"):
            raise httpx.ConnectError("away")

    world.wire.fault = fail
    assert not world.run_bridge()
    find_file(world).write_bytes(content[::-1])
    world.wire.fault = lambda service, line, is_answered: None

    # When bridges start; then the first gives the upload up, and the second sends the file
    assert world.run_bridge()
    assert world.uploaded == []
    assert world.run_bridge()
    assert world.uploaded == [content[::-1]]
    assert world.ports.lake.list_open_uploads("") == []


def test_data_of_the_scan_before_is_not_taken_for_a_rescan(today: BridgeWorld) -> None:
    # Given a scan whose data has gone, and which is repeated a day later
    result_id = today.acquire()
    today.run_bridge()
    today.let_engine_work()
    today.set_result(result_id, datetime_created=datetime.now() - timedelta(days=1))
    today.rescan()
    today.let_a_day_pass()

    # When the bridge looks; then it waits for the new data
    assert today.run_bridge()
    assert today.uploaded == [RAW_DATA]
    today.acquire(RAW_DATA[::-1], "again.h5")
    assert today.run_bridge()
    assert sorted(today.uploaded) == sorted([RAW_DATA, RAW_DATA[::-1]])


@pytest.mark.parametrize("zone_h", [-11, -5, 0, 2, 14])
@pytest.mark.parametrize(("made_min", "is_taken"), [(-30, False), (-0.5, True), (5, True)])
def test_times_without_a_zone_are_told_apart(
    tmp_path: Path, zone_h: int, made_min: float, is_taken: bool
) -> None:
    # Given a rescan that began ten minutes ago, of which exam-manager was told then, in its zone
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    started_at = now - timedelta(minutes=10)
    local = (started_at + timedelta(hours=zone_h)).replace(tzinfo=None)
    ids = [uuid4() for _ in range(3)]
    result = {
        "id": ids[2],
        "type": "MRD",
        "files": ["a.mrd"],
        "directory": f"/data/{'/'.join(map(str, ids))}",
    }
    result["datetime_created"] = local + timedelta(minutes=made_min)
    task = {"id": ids[1], "datetime_created": local - timedelta(days=3), "results": [result]}
    # It goes on, and exam-manager is told.
    task["datetime_updated"] = local + timedelta(minutes=9.5)
    workflow = ExamWorkflow.model_validate({"id": ids[0], "tasks": [task]})
    told = BoardTask(task_id=str(ids[1]), task_type="DEVICE_TASK_SDK", status="IN_PROGRESS")
    told = told.model_copy(update={"attempt": 2, "started_at": started_at})

    # When the result was made before it; then it is not taken
    volume = Volume(tmp_path, 0)
    found = find_raw_data(volume, workflow, told, Generation.FEBRUARY_2026, now)
    assert (found is not None) == is_taken


@pytest.mark.parametrize("is_known", [True, False])
def test_upload_goes_on_where_it_was(
    world: BridgeWorld, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    # Given an upload of four parts that broke off at the second, today or days ago
    monkeypatch.setattr(PREFERRED, MIN_PART_SIZE_BYTES)
    content = os.urandom(3 * MIN_PART_SIZE_BYTES + 3)
    world.acquire(content)
    n_parts = 0

    def fail(service: str, line: str, is_answered: bool) -> None:
        nonlocal n_parts
        n_parts += service == "s3" and is_answered
        if service == "s3" and n_parts >= 2:
            raise httpx.ConnectError("away")

    world.wire.fault = fail
    assert not world.run_bridge()
    assert "The upload was interrupted" in world.reasons[0]
    if not is_known:
        world.let_a_day_pass()

    # When the bridge starts again; then it sends what is missing, to the same upload
    world.wire.fault = lambda service, line, is_answered: None
    n_before = len([line for line in world.wire.requests if " s3" in line])
    assert world.run_bridge()
    n_after = len([line for line in world.wire.requests if " s3" in line])
    assert n_after - n_before < 4
    assert world.uploaded == [content]
    assert world.ports.lake.list_open_uploads("") == []


def test_raw_name_is_told_to_nobody(world: BridgeWorld) -> None:
    world.acquire()
    world.run_bridge()
    assert not [body for body in world.wire.bodies if RAW_NAME in body]
