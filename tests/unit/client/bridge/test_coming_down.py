"""Images on their way into the volume: what there is already, hostile keys, and a full disk."""

from collections.abc import Callable
from uuid import UUID

import pytest

from scanhub_workflow.bridge.exam_manager import ExamTask
from scanhub_workflow.bridge.images import choose_names
from scanhub_workflow.bridge.receiving import find_result
from scanhub_workflow.targets import NoSpaceError, PartFile
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
