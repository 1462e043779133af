"""Images on their way into the volume: what there is already, hostile keys, and a full disk."""

import shutil
from collections.abc import Callable
from uuid import UUID

import pytest

from scanhub_workflow.bridge.exam_manager import ExamTask
from scanhub_workflow.bridge.images import choose_names
from scanhub_workflow.bridge.receiving import find_result
from scanhub_workflow.targets import NoSpaceError, PartFile, RunFolder
from tests.fakes.bridge_world import IMAGES, BridgeWorld

MakeWorld = Callable[[str], BridgeWorld]


@pytest.fixture
def today(make_bridge_world: MakeWorld) -> BridgeWorld:
    return make_bridge_world("2026-02")


def test_result_that_waits_is_set_and_keeps_what_it_says(today: BridgeWorld) -> None:
    # Given results of the task: of an earlier run, and of this one as the engine leaves it
    run_id = today.finish_run()
    older = today.add_result(meta={"run_id": "older"}, directory="s3://lake/older")
    own = today.add_result(meta={"run_id": run_id, "reason": None}, directory="s3://lake/own")

    # When the images come down; then they are the own one's, and nothing else changes
    assert today.run_bridge()
    results = {UUID(each["id"]): each for each in today.get_results(today.reconstruction_id)}
    assert set(results) == {older, own}
    assert results[older]["directory"] == "s3://lake/older"
    assert results[own]["meta"]["run_id"] == run_id
    assert "reason" in results[own]["meta"]
    assert len(results[own]["meta"]["instances"]) == len(IMAGES)


def test_blank_result_is_used(today: BridgeWorld) -> None:
    today.finish_run()
    blank = today.add_result()
    assert today.run_bridge()
    [result] = today.get_results(today.reconstruction_id)
    assert UUID(result["id"]) == blank


def test_images_that_somebody_has_deleted_stay_away(today: BridgeWorld) -> None:
    # Given images that are too old for the volume
    today.finish_run()
    today.run_bridge()
    for path in today.data.rglob("*.dcm"):
        path.unlink()

    # When the bridge looks; then exam-manager says that they were there
    assert today.run_bridge()
    assert today.list_images() == {}


def test_result_that_is_undone_is_set_again(today: BridgeWorld) -> None:
    run_id = today.finish_run()
    bridge = today.make_bridge()
    assert bridge.run_once()
    [result] = today.get_results(today.reconstruction_id)
    today.set_result(UUID(result["id"]), meta={"run_id": run_id}, directory="s3://lake/own")
    today.now_s += 7200
    assert bridge.run_once()
    bridge.close()
    [again] = today.get_results(today.reconstruction_id)
    assert again == result


def test_run_without_images_changes_nothing(world: BridgeWorld) -> None:
    world.finish_run({"report.json": b"{}"})
    assert world.run_bridge()
    assert (world.list_images(), world.get_results(world.reconstruction_id)) == ({}, [])


def test_images_of_sub_folders_lie_where_the_viewer_looks(world: BridgeWorld) -> None:
    world.finish_run({"a/1.dcm": b"one", "b/1.dcm": b"two", "notes.txt": b"none"})
    assert world.run_bridge()
    names = {path.rpartition("/")[2]: body for path, body in world.list_images().items()}
    assert names == {"a_1.dcm": b"one", "b_1.dcm": b"two"}


def test_full_volume_is_said_and_tried_again(world: BridgeWorld) -> None:
    # Given a volume with less space than is to stay free
    world.finish_run()
    assert not world.run_bridge(reserve_bytes=2**60)
    assert "The volume is full: free" in world.reasons[0]
    assert world.list_images() == {}
    # When there is space; then they come
    assert world.run_bridge()
    assert len(world.list_images()) == len(IMAGES)


def test_disk_that_fills_on_the_way_leaves_nothing_half(
    world: BridgeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a disk that others fill
    world.finish_run()

    def fill(part: PartFile, chunk: bytes) -> None:
        raise NoSpaceError

    with monkeypatch.context() as patch:
        patch.setattr(PartFile, "write", fill)
        assert not world.run_bridge()
    assert (world.reasons, world.list_images()) == (["The volume is full."], {})
    assert world.run_bridge()
    assert len(world.list_images()) == len(IMAGES)


def test_image_that_is_gone_is_said(today: BridgeWorld) -> None:
    # Given a run that told of an image which is not in the lake
    run_id = today.finish_run()
    today.ports.lake.delete_prefix(f"result/{run_id}/")
    assert not today.run_bridge()
    assert today.reasons == ["2 images of the run cannot be had: run its DAG again."]
    assert today.get_results(today.reconstruction_id) == []


def test_link_in_the_volume_is_not_followed(world: BridgeWorld) -> None:
    # Given a link where the folder of the task belongs
    world.finish_run()
    elsewhere = world.folder / "elsewhere"
    elsewhere.mkdir()
    (world.data / str(world.workflow_id)).mkdir()
    (world.data / str(world.workflow_id) / str(world.reconstruction_id)).symlink_to(elsewhere)
    assert not world.run_bridge()
    assert list(elsewhere.iterdir()) == []


def test_file_in_the_place_of_an_image_goes(world: BridgeWorld) -> None:
    # Given what a kill and a stranger have left
    run_id = world.finish_run()
    name = run_id if world.contract == "2025-03" else str(world.add_result())
    folder = world.data / str(world.workflow_id) / str(world.reconstruction_id) / name
    folder.mkdir(parents=True)
    (folder / ".abc.part").write_bytes(b"half")
    (folder / "slice1.dcm").write_bytes(b"longer than the image")
    (folder / "slice2.dcm").symlink_to(world.password_file)
    assert world.run_bridge()
    assert {path.rpartition("/")[2]: body for path, body in world.list_images().items()} == IMAGES
    assert world.password_file.read_bytes() != IMAGES["slice2.dcm"]


def test_images_of_another_run_are_not_taken_for_its_own(today: BridgeWorld) -> None:
    # Given a result that still waits, because its bridge was killed before it could say so, and the
    # images of that run: of the same names and sizes
    run_id = today.finish_run()
    blank = today.add_result()
    folder = today.data / str(today.workflow_id) / str(today.reconstruction_id) / str(blank)
    RunFolder(folder, "the-run-before").claim([], is_overwriting=False)
    for name, body in IMAGES.items():
        (folder / name).write_bytes(bytes(len(body)))
    assert today.run_bridge()
    [result] = today.get_results(today.reconstruction_id)
    assert result["meta"]["run_id"] == run_id
    assert today.list_images() == {f"{blank}/{name}": body for name, body in IMAGES.items()}


def test_volume_that_goes_on_the_way_is_not_written_beneath(
    world: BridgeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a volume that loses its mount behind the first image
    monkeypatch.setattr("scanhub_workflow.bridge.images.N_AT_ONCE", 1)
    world.finish_run()
    away = world.folder / "away"
    publish = PartFile.publish

    def lose(part: PartFile) -> None:
        publish(part)
        if list(world.data.rglob("*.dcm")):
            world.data.rename(away)
            world.data.mkdir()

    with monkeypatch.context() as patch:
        patch.setattr(PartFile, "publish", lose)
        assert not world.run_bridge()
    assert list(world.data.iterdir()) == []
    assert [each for each in world.get_results(world.reconstruction_id) if each["directory"]] == []

    # When it is back; then its images come
    world.data.rmdir()
    away.rename(world.data)
    assert world.run_bridge()
    assert len(world.list_images()) == len(IMAGES)


def test_space_that_others_take_on_the_way_is_not_taken_from_the_reserve(
    world: BridgeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a volume on which a device begins to write once the first image has come
    monkeypatch.setattr("scanhub_workflow.bridge.images.N_AT_ONCE", 1)
    world.finish_run()
    free_bytes = 2**30
    usage = shutil.disk_usage(world.data)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=free_bytes))

    def fill(service: str, line: str, is_answered: bool) -> None:
        nonlocal free_bytes
        if service == "s3" and is_answered:
            free_bytes = 2**20

    world.wire.fault = fill
    assert not world.run_bridge(reserve_bytes=2**20)
    assert (world.reasons, len(world.list_images())) == (["The volume is full."], 1)
    free_bytes = 2**30
    world.wire.fault = lambda service, line, is_answered: None
    assert world.run_bridge(reserve_bytes=2**20)
    assert len(world.list_images()) == len(IMAGES)


def test_what_a_result_was_given_meanwhile_stays(today: BridgeWorld) -> None:
    # Given a result that the engine writes while its images come
    run_id = today.finish_run()
    own = today.add_result(meta={"run_id": run_id})

    def write(service: str, line: str, is_answered: bool) -> None:
        if service == "s3":
            today.set_result(own, meta={"run_id": run_id, "reason": "late"})

    today.wire.fault = write
    assert today.run_bridge()
    [result] = today.get_results(today.reconstruction_id)
    assert result["meta"]["reason"] == "late"
    assert len(result["meta"]["instances"]) == len(IMAGES)


def test_result_that_another_run_takes_meanwhile_stays_its_own(today: BridgeWorld) -> None:
    # Given a blank result that is given to another run while the images come
    run_id = today.finish_run()
    blank = today.add_result()

    def take(service: str, line: str, is_answered: bool) -> None:
        if service == "s3":
            today.set_result(blank, meta={"run_id": "another"}, directory="s3://lake/another")

    today.wire.fault = take
    assert today.run_bridge()
    assert today.reasons == ["Its result has changed while its images came."]
    today.wire.fault = lambda service, line, is_answered: None
    assert today.run_bridge()
    runs = {each["meta"]["run_id"]: each for each in today.get_results(today.reconstruction_id)}
    assert runs["another"]["directory"] == "s3://lake/another"
    assert len(runs[run_id]["meta"]["instances"]) == len(IMAGES)


def test_link_that_comes_behind_an_image_changes_no_other_file(
    world: BridgeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given somebody who puts a link in the place of an image that has come
    world.finish_run()
    world.password_file.chmod(0o600)
    publish = PartFile.publish

    def swap(part: PartFile) -> None:
        publish(part)
        for path in world.data.rglob("*.dcm"):
            path.unlink()
            path.symlink_to(world.password_file)

    monkeypatch.setattr(PartFile, "publish", swap)
    assert not world.run_bridge()
    assert world.reasons == ["A link is where a file or folder belongs."]
    assert world.password_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (["1.dcm", "2.DCM"], ["1.dcm", "2.dcm"]),
        (["a/b.dcm"], ["a_b.dcm"]),
        (["../../etc/cron.dcm"], ["_.._etc_cron.dcm"]),
        ([".dcm"], ["image.dcm"]),
        (["a.dcm", "A.dcm", "a/.dcm"], ["A.dcm", "a-1.dcm", "a_.dcm"]),
        (["Bild ä\u202e?#%.dcm"], ["Bild______.dcm"]),
        ([f"{'x' * 900}.dcm"], [f"{'x' * 120}.dcm"]),
        (["a b.dcm", "a_b.dcm"], ["a_b.dcm", "a_b-1.dcm"]),
    ],
)
def test_names_are_plain_and_each_is_one(keys: list[str], names: list[str]) -> None:
    prefix = "result/run-1/"
    chosen = choose_names(prefix, [prefix + key for key in keys])
    assert list(chosen.values()) == names


def test_newest_result_of_a_run_counts() -> None:
    results = [
        {"id": str(UUID(int=n)), "type": "DICOM", "datetime_created": f"2026-11-29T12:0{n}:00"}
        for n in range(3)
    ]
    results[0]["meta"] = results[1]["meta"] = {"run_id": "r"}  # type: ignore[assignment]
    told = {"id": str(UUID(int=9)), "datetime_created": "2026-11-29T12:00:00", "results": results}
    found = find_result(ExamTask.model_validate(told), "r")
    assert found is not None
    assert found.id == UUID(int=1)
