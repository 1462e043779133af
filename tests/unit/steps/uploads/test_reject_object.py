from datetime import timedelta

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.store import MemoryStore
from tests.fakes.world import (
    DAG_ID,
    NOW,
    RECONSTRUCTION_ID,
    SCAN_ID,
    WORKFLOW_ID,
    at,
    deliver,
    get_task,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.errors import (
    NeighbourRefusedError,
    StoreUnavailableError,
    UpstreamError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.domain.listing import ListQuery
from workflow_manager.domain.rejected_object import RejectedObject
from workflow_manager.domain.task import TaskStatus
from workflow_manager.steps.uploads.reject_object import reject_object

QUERY = ListQuery(NOW, NOW + timedelta(hours=1), limit=100)
NO_KEY = "Its key reads neither"
AGAIN = (
    "Once that has changed, copy the object onto itself (with --metadata-directive REPLACE) "
    "to bring it in again."
)


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def make_object(key: str, size_bytes: int | None = 1000, version_id: str = "v1") -> ObjectVersion:
    return ObjectVersion(bucket="data-lake", key=key, version_id=version_id, size_bytes=size_bytes)


def get_rejected(world: MemoryPorts) -> list[RejectedObject]:
    return world.store.list_rejected_objects(QUERY).items


@pytest.mark.parametrize(
    ("key", "size_bytes", "reason"),
    [
        ("Jane Doe.h5", 1000, NO_KEY),
        ("uploads/dag/raw.h5", 1000, NO_KEY),
        ("upload/raw.h5", 1000, NO_KEY),
        ("upload/bad dag/raw.h5", 1000, NO_KEY),
        ("upload/dag/Jane/", 1000, NO_KEY),
        ("acquisition/raw.h5", 1000, NO_KEY),
        (f"acquisition/{WORKFLOW_ID}/raw.h5", 1000, NO_KEY),
        (f"acquisition/../{SCAN_ID}/raw.h5", 1000, NO_KEY),
        (f"acquisition//{SCAN_ID}/raw.h5", 1000, NO_KEY),
        (f"acquisition/Jane Doe/{SCAN_ID}/raw.h5", 1000, NO_KEY),
        ("upload/", 0, "It is a folder marker"),
        ("upload/dag/", None, "It is a folder marker"),
        ("result/", 0, "It is a folder marker"),
        (f"acquisition/{WORKFLOW_ID}/", 0, "It is a folder marker"),
        ("result/b7d7fpr6wzglbsdrejsl/image.dcm", 1000, "It lies below result/"),
        (f"upload/{DAG_ID}/by-hand/raw.h5", 0, "It is empty."),
        (f"acquisition/{WORKFLOW_ID}/{SCAN_ID}/raw.h5", 0, "It is empty."),
    ],
)
def test_object_that_fits_nothing_is_recorded_and_starts_nothing(
    world: MemoryPorts, key: str, size_bytes: int | None, reason: str
) -> None:
    data = make_object(key, size_bytes)

    deliver(world, data)

    [rejected] = get_rejected(world)
    assert rejected.reason.startswith(reason)
    assert (rejected.key, rejected.version_id, rejected.size_bytes) == (key, "v1", size_bytes)
    assert rejected.at == at(10).at
    assert world.orchestrator.dag_runs == {}
    assert world.queue.dag_run_ids == []
    assert list(world.store.list_due(at(10**6).at)) == []
    assert world.store.get_execution(WORKFLOW_ID) is None


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (f"acquisition/unknown/{SCAN_ID}/raw.h5", "Exam-manager knows no such workflow."),
        (f"acquisition/{WORKFLOW_ID}/unknown/raw.h5", "The workflow has no such device task."),
        (
            f"acquisition/{WORKFLOW_ID}/{RECONSTRUCTION_ID}/upload-1/raw.h5",
            "The workflow has no such device task.",
        ),
    ],
)
def test_raw_data_of_no_device_task_is_recorded_with_what_to_do(
    world: MemoryPorts, key: str, reason: str
) -> None:
    deliver(world, make_object(key))

    [rejected] = get_rejected(world)
    assert rejected.reason == f"{reason} {AGAIN}"
    assert world.store.get_execution(WORKFLOW_ID) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"is_template": True}, "The workflow is a template"),
        ({"status": ItemStatus.DELETED}, "The workflow was deleted"),
    ],
)
def test_raw_data_of_a_workflow_that_is_not_carried_out_is_recorded(
    world: MemoryPorts, change: dict[str, object], reason: str
) -> None:
    workflows = world.exam.workflows
    workflows[WORKFLOW_ID] = workflows[WORKFLOW_ID].model_copy(update=change)

    deliver(world, make_raw_data())

    assert [rejected.reason.startswith(reason) for rejected in get_rejected(world)] == [True]


@pytest.mark.parametrize(
    "error",
    [
        UpstreamUnreachableError("Exam-manager is away."),
        NeighbourRefusedError("A proxy answers for it.", 404),
        NeighbourRefusedError("The service account is locked.", 401),
        NeighbourRefusedError("It is broken.", 500),
    ],
)
def test_raw_data_comes_again_while_exam_manager_does_not_say(
    world: MemoryPorts, error: UpstreamError
) -> None:
    world.exam.fail_with["get_workflow"] = error
    with pytest.raises(UpstreamError):
        deliver(world, make_raw_data())
    assert get_rejected(world) == []

    del world.exam.fail_with["get_workflow"]
    deliver(world, make_raw_data())

    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED


def test_object_is_recorded_once_per_version(world: MemoryPorts) -> None:
    for seconds in (10, 20, 30):
        deliver(world, make_object("x"), seconds)
    assert [rejected.at for rejected in get_rejected(world)] == [at(10).at]

    deliver(world, make_object("x", version_id="v2"), 40)

    assert [rejected.version_id for rejected in get_rejected(world)] == ["v2", "v1"]


def test_copy_of_a_rejected_object_counts_once_its_workflow_exists(world: MemoryPorts) -> None:
    # Given raw data that came before its workflow
    workflow = world.exam.workflows.pop(WORKFLOW_ID)
    deliver(world, make_raw_data(version_id="v1"))
    assert len(get_rejected(world)) == 1
    world.exam.add_workflow(workflow)

    deliver(world, make_raw_data(version_id="v2"), 60)

    assert get_task(world, SCAN_ID).data == make_raw_data(version_id="v2")
    assert len(get_rejected(world)) == 1


def test_object_comes_again_while_the_record_cannot_be_written(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreUnavailableError("The table is away.")

    monkeypatch.setattr(MemoryStore, "commit", fail)
    with pytest.raises(StoreUnavailableError):
        deliver(world, make_object("x"))


def test_record_shows_its_key_in_no_text(world: MemoryPorts) -> None:
    call(reject_object, world, make_object("upload/Jane Doe.h5"), "It fits nothing.", at(0))
    [rejected] = get_rejected(world)
    assert rejected.key == "upload/Jane Doe.h5"
    assert "Jane" not in f"{rejected!r} {rejected}"
