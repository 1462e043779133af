"""Services and volume that are away, logins that end, and what is told of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import httpx
import pytest

from local.scanhub.seed import SERVICE_USERNAME
from scanhub_workflow.bridge import ServiceAccount
from scanhub_workflow.bridge.items import MAX_WAIT_S, Item, Items, State
from scanhub_workflow.bridge.reasons import CannotError
from scanhub_workflow.bridge.status import alone
from scanhub_workflow.bridge.transfers import Transfers
from scanhub_workflow.errors import ConfigurationError, ScanHubError
from scanhub_workflow.targets import PartFile
from tests.fakes.bridge_world import IMAGES, RAW_DATA, SCANHUB_URL, BridgeWorld
from workflow_manager.domain.upload import MIN_PART_SIZE_BYTES

PREFERRED = "workflow_manager.domain.upload.PREFERRED_PART_SIZE_BYTES"
MakeWorld = Callable[[str], BridgeWorld]


def be_away(name: str) -> Callable[[str, str, bool], httpx.Response | None]:
    def fault(service: str, line: str, is_answered: bool) -> None:
        if service == name:
            raise httpx.ConnectError("away")

    return fault


def heal(service: str, line: str, is_answered: bool) -> None:
    return None


@pytest.mark.parametrize("service", ["api", "exam", "login"])
def test_service_that_is_away_is_named_and_waited_for(world: BridgeWorld, service: str) -> None:
    # Given a bridge that goes on until it is stopped, and a service that is away for a while
    world.acquire()
    bridge = world.make_bridge()
    world.wire.fault = be_away(service)

    def pass_time() -> None:
        if world.now_s > 250:
            raise KeyboardInterrupt
        if world.now_s > 100:
            world.wire.fault = heal

    world.on_sleep = pass_time
    with pytest.raises(KeyboardInterrupt):
        bridge.run()
    bridge.close()

    # Then it said so, once, and went on by itself
    assert world.uploaded == [RAW_DATA]
    said = [line for line in world.log if "no answer" in line]
    assert len(said) == 1
    assert {"exam": "exam-manager", "login": "login", "api": "API"}[service] in said[0]
    assert "All is well again." in world.log


def test_s3_that_is_away_is_waited_for(world: BridgeWorld) -> None:
    world.acquire()
    world.wire.fault = be_away("s3")
    assert not world.run_bridge()
    assert "S3 could not be reached" in world.reasons[0]
    world.wire.fault = heal
    assert world.run_bridge()
    world.let_engine_work()
    world.wire.fault = be_away("s3")
    assert not world.run_bridge()
    assert "S3 could not be reached" in world.reasons[0]
    world.wire.fault = heal
    assert world.run_bridge()
    assert (world.uploaded, len(world.list_images())) == ([RAW_DATA], len(IMAGES))


@pytest.mark.parametrize("service", ["api", "exam"])
def test_login_that_ends_is_renewed(world: BridgeWorld, service: str) -> None:
    # Given a bridge whose token ends, before a look or in the middle of a transfer
    world.acquire()
    bridge = world.make_bridge()
    n_refused = 0

    def refuse(asked: str, line: str, is_answered: bool) -> httpx.Response | None:
        nonlocal n_refused
        if asked != service or n_refused or ("POST api" not in line and service == "api"):
            return None
        n_refused += 1
        world.stand_in.accounts.log_out(SERVICE_USERNAME)
        body = {"status": 401, "title": "Unauthorized", "detail": "Invalid token."}
        return httpx.Response(401, json=body)

    world.wire.fault = refuse if service == "api" else heal
    if service == "exam":
        assert bridge.run_once()
        world.let_engine_work()
        world.stand_in.accounts.log_out(SERVICE_USERNAME)
    assert bridge.run_once()
    bridge.close()
    # Then it has logged in again
    assert world.wire.requests.count("POST login/api/v1/userlogin/login") == 2
    assert world.uploaded == [RAW_DATA]


def test_volume_that_is_gone_is_not_made_anew(world: BridgeWorld) -> None:
    # Given a bridge whose volume loses its mount
    world.acquire()
    bridge = world.make_bridge()
    bridge.run_once()
    world.let_engine_work()
    away = world.folder / "away"
    world.data.rename(away)
    with pytest.raises(CannotError, match="not there"):
        bridge.run_once()
    world.data.mkdir()
    with pytest.raises(CannotError, match="another one"):
        bridge.run_once()
    assert list(world.data.iterdir()) == []

    # When it is back; then its images come
    world.data.rmdir()
    away.rename(world.data)
    assert bridge.run_once()
    bridge.close()
    assert len(world.list_images()) == len(IMAGES)


def test_volume_that_is_gone_in_mid_upload_loses_nothing(
    world: BridgeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an upload whose volume goes when the first part is there
    monkeypatch.setattr(PREFERRED, MIN_PART_SIZE_BYTES)
    content = bytes(MIN_PART_SIZE_BYTES) + b"more"
    world.acquire(content)
    away = world.folder / "away"

    def lose(service: str, line: str, is_answered: bool) -> None:
        if service == "s3" and is_answered and not away.exists():
            world.data.rename(away)

    world.wire.fault = lose
    assert not world.run_bridge()
    assert "Its file cannot be sent" in world.reasons[0]

    # When it is back; then the same upload goes on
    away.rename(world.data)
    world.wire.fault = heal
    assert world.run_bridge()
    assert world.uploaded == [content]
    assert world.ports.lake.list_open_uploads("") == []


def test_bridge_that_starts_before_its_volume_is_mounted_waits_for_it(world: BridgeWorld) -> None:
    # Given the empty folder that the volume is to be mounted to, when there are files in it
    world.acquire()
    world.finish_run()
    away = world.folder / "away"
    world.data.rename(away)
    world.data.mkdir()
    bridge = world.make_bridge()
    assert not bridge.run_once()
    assert world.log[-1].endswith("is it mounted?")
    assert list(world.data.iterdir()) == []

    # When it is mounted; then its images come, without a restart
    world.data.rmdir()
    away.rename(world.data)
    world.now_s += 60
    assert bridge.run_once()
    bridge.close()
    assert len(world.list_images()) == len(IMAGES)


def test_two_bridges_at_once_make_one_of_it(
    world: BridgeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a second bridge, with a state of its own, that does all while the first one is at it
    world.acquire()
    (world.folder / "second").mkdir()

    def work_too() -> None:
        world.on_sleep = lambda: None
        second = world.make_bridge(state=world.folder / "second")
        second.run_once()
        second.close()

    world.on_sleep = work_too
    assert world.run_bridge()
    assert world.uploaded == [RAW_DATA]
    assert len(world.let_engine_work()) == 1

    # When it is so on the way down, too; then one result is set, and all images are there
    publish = PartFile.publish

    def publish_late(part: PartFile) -> None:
        monkeypatch.setattr(PartFile, "publish", publish)
        work_too()
        publish(part)

    monkeypatch.setattr(PartFile, "publish", publish_late)
    world.run_bridge()
    world.run_bridge()
    assert sorted(world.list_images().values()) == sorted(IMAGES.values())
    results = world.get_results(world.reconstruction_id)
    assert len(results) == (1 if world.contract == "2026-02" else 0)


def test_workflow_that_is_broken_in_exam_manager_stops_no_other(
    make_bridge_world: MakeWorld,
) -> None:
    world = make_bridge_world("2026-02")

    def break_down(service: str, line: str, is_answered: bool) -> httpx.Response | None:
        return httpx.Response(500, text="Internal") if "exam/workflow/" in line else None

    world.wire.fault = break_down
    assert not world.run_bridge()
    assert world.reasons == ["exam-manager answered HTTP 500."]


def test_contract_in_between_is_refused(world: BridgeWorld) -> None:
    paths = {"paths": {}, "components": {"schemas": {"BaseDAGTask": {"properties": {}}}}}

    def answer(service: str, line: str, is_answered: bool) -> httpx.Response | None:
        return httpx.Response(200, json=paths) if "openapi" in line else None

    world.wire.fault = answer
    with pytest.raises(ConfigurationError, match="neither 2025-03 nor 2026-02"):
        world.run_bridge()


def test_scan_that_was_given_its_data_by_hand_is_done(world: BridgeWorld) -> None:
    # Given a scan whose data comes otherwise, between the look and the upload
    world.acquire()

    def upload_by_hand(service: str, line: str, is_answered: bool) -> None:
        if line.startswith("GET exam/api/v1/exam/workflow") and is_answered:
            world.wire.fault = heal
            place = f"acquisition/{world.workflow_id}/{world.scan_id}/hand/scan.h5"
            world.ports.lake.put(place, RAW_DATA, "")
            world.let_engine_work()

    world.wire.fault = upload_by_hand
    assert world.run_bridge()
    assert world.log[-1].endswith("it has its data already.")
    assert len(world.uploaded) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_password_that_others_may_read_is_not_used(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "scanhub-password"
    path.write_text("a long password")
    path.chmod(mode)
    account = ServiceAccount(SCANHUB_URL, "bridge", path)
    with pytest.raises(ConfigurationError, match="Others may read"):
        account.log_in(httpx.MockTransport(lambda request: httpx.Response(500)))
    # systemd's own credential shows a right of the group, and is its user's alone.
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    found = ServiceAccount.find(SCANHUB_URL, "bridge", None, environ)
    with pytest.raises(ScanHubError, match="does not work at the moment"):
        found.log_in(httpx.MockTransport(lambda request: httpx.Response(500)))


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * 5000])
def test_password_that_is_none_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "password"
    path.write_bytes(content)
    path.chmod(0o600)
    account = ServiceAccount(SCANHUB_URL, "bridge", path)
    with pytest.raises(ConfigurationError, match="holds none"):
        account.log_in()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        replace(account, password_file=tmp_path / "none").log_in()


def test_refused_password_ends_the_bridge_at_its_start(world: BridgeWorld) -> None:
    world.password_file.write_text("another password")
    with pytest.raises(ConfigurationError, match="does not take name and password"):
        world.make_bridge().run()


def test_raw_data_that_takes_hours_holds_up_no_images() -> None:
    # Given more raw data on its way than there are threads
    done: list[str] = []
    may_end, has_come = Event(), Event()
    transfers = Transfers(1, Items(), done.append, lambda: 0)

    def take_hours() -> str:
        assert may_end.wait(30)
        return "raw data"

    def bring_images() -> str:
        has_come.set()
        return "images"

    # When a run's images are there; then they come meanwhile
    for n in range(2):
        transfers.begin(f"up {n}", take_hours)
    transfers.begin("down run-1", bring_images)
    assert has_come.wait(30)
    may_end.set()
    assert transfers.settle(None)
    assert sorted(done) == ["images", "raw data", "raw data"]
    transfers.close()


def test_waits_grow_and_have_a_bound() -> None:
    items = Items()
    items.add(Item("up t", "w", "t"))
    waits, now_s = [], 1000.0
    for _ in range(20):
        items.postpone("up t", State.CANNOT, "away", now_s)
        [item] = items.list()
        waits.append(item.next_at_s - now_s)
    assert waits[0] <= 10
    assert waits[3] > waits[0]
    assert max(waits) <= MAX_WAIT_S


def test_second_bridge_is_refused(tmp_path: Path) -> None:
    with (
        alone(tmp_path / "state"),
        pytest.raises(ConfigurationError, match="at work already"),
        alone(tmp_path / "state"),
    ):
        pass
    with alone(tmp_path / "state"):
        assert [path.name for path in (tmp_path / "state").iterdir()] == ["lock"]
