import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import DAG_ID, at, deliver, make_world
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.errors import InvalidInputError, PayloadTooLargeError
from workflow_manager.services.upload_and_trigger import MAX_FILE_SIZE_BYTES, upload_and_trigger


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def find_object(world: MemoryPorts, upload_id: str) -> ObjectVersion:
    found = world.lake.head(f"upload/{DAG_ID}/{upload_id}/raw.npy")
    assert found is not None
    return found


def test_upload_and_trigger_names_the_run_that_the_event_will_start(world: MemoryPorts) -> None:
    triggered = call(upload_and_trigger, world, DAG_ID, "kspace.npy", b"data", at(0))

    deliver(world, find_object(world, triggered.upload_id))

    assert list(world.orchestrator.dag_runs) == [(DAG_ID, triggered.dag_run_id)]


def test_upload_and_trigger_makes_two_runs_of_the_same_bytes_sent_twice(world: MemoryPorts) -> None:
    first = call(upload_and_trigger, world, DAG_ID, "kspace.npy", b"data", at(0))
    second = call(upload_and_trigger, world, DAG_ID, "kspace.npy", b"data", at(0))

    assert first.dag_run_id != second.dag_run_id


def test_upload_and_trigger_takes_four_mebibytes_and_no_byte_more(world: MemoryPorts) -> None:
    call(upload_and_trigger, world, DAG_ID, "a.npy", b"x" * MAX_FILE_SIZE_BYTES, at(0))

    with pytest.raises(PayloadTooLargeError, match="POST /uploads/"):
        call(upload_and_trigger, world, DAG_ID, "a.npy", b"x" * (MAX_FILE_SIZE_BYTES + 1), at(0))


@pytest.mark.parametrize(
    ("dag_id", "file_name", "body"),
    [(DAG_ID, "", b"x"), (DAG_ID, "../a", b"x"), (DAG_ID, "a", b""), ("no dag", "a", b"x")],
)
def test_upload_and_trigger_refuses_what_cannot_be_used(
    world: MemoryPorts, dag_id: str, file_name: str, body: bytes
) -> None:
    with pytest.raises(InvalidInputError):
        call(upload_and_trigger, world, dag_id, file_name, body, at(0))
