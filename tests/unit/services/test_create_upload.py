from typing import Any

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION_ID,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    deliver,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
)
from workflow_manager.domain.upload import MAX_FILE_SIZE_BYTES, MAX_N_PARTS, choose_part_size
from workflow_manager.services.create_upload import UploadRequest, create_upload
from workflow_manager.services.get_upload import PartWindow, get_upload
from workflow_manager.services.process_workflow import process_workflow

MIB = 2**20


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def test_create_upload_plans_parts_for_a_dag(world: MemoryPorts) -> None:
    request = UploadRequest("Doe Jane.H5", 40 * MIB, dag_id=DAG_ID)

    upload = call(create_upload, world, request, at(0))

    assert upload.key == f"upload/{DAG_ID}/{upload.upload_id}/raw.h5"
    assert [upload.part_size(n + 1) for n in range(upload.n_parts)] == [16 * MIB, 16 * MIB, 8 * MIB]
    assert world.store.get_upload(upload.upload_id) is not None


def test_create_upload_puts_the_clients_file_name_nowhere_but_into_the_item(
    world: MemoryPorts,
) -> None:
    request = UploadRequest("Doe Jane 1985.h5", 1, dag_id=DAG_ID)

    upload = call(create_upload, world, request, at(0))
    [part] = call(get_upload, world, upload.upload_id, PartWindow(), at(0)).missing

    assert upload.file_name == "Doe Jane 1985.h5"
    assert "Doe" not in upload.key + part.url + repr(upload) + repr(request)


@pytest.mark.parametrize(
    ("file_name", "extension"), [("a.npy", "npy"), ("a", "bin"), ("a.exe", "bin"), ("a.", "bin")]
)
def test_create_upload_keeps_extensions_that_it_knows(
    world: MemoryPorts, file_name: str, extension: str
) -> None:
    upload = call(create_upload, world, UploadRequest(file_name, 1, dag_id=DAG_ID), at(0))

    assert upload.key.endswith(f"/raw.{extension}")


def test_create_upload_takes_raw_data_for_a_running_scan(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    upload = call(create_upload, world, UploadRequest("a.h5", 1, task_id=SCAN_ID), at(1))

    assert upload.key == f"acquisition/{WORKFLOW_ID}/{SCAN_ID}/{upload.upload_id}/raw.h5"


def test_create_upload_refuses_data_for_a_finished_scan(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())

    with pytest.raises(ConflictError, match="completed"):
        call(create_upload, world, UploadRequest("a.h5", 1, task_id=SCAN_ID), at(20))


def test_create_upload_refuses_data_for_a_task_that_is_no_scan(world: MemoryPorts) -> None:
    with pytest.raises(InvalidInputError, match="Only a device task"):
        call(create_upload, world, UploadRequest("a.h5", 1, task_id=RECONSTRUCTION_ID), at(0))


@pytest.mark.parametrize("target", [{}, {"dag_id": DAG_ID, "task_id": SCAN_ID}])
def test_create_upload_wants_exactly_one_target(world: MemoryPorts, target: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError, match="either"):
        call(create_upload, world, UploadRequest("a.h5", 1, **target), at(0))


@pytest.mark.parametrize(
    "file_name",
    [
        *["", " ", "..", "../a.h5", "a/b.h5", "a\\b.h5", "a\nb.h5", "a\0.h5", "a\u202eb.h5"],
        *["x" * 256, "\N{BRAIN}" * 1024],
    ],
)
def test_create_upload_refuses_names_that_are_no_plain_names(
    world: MemoryPorts, file_name: str
) -> None:
    with pytest.raises(InvalidInputError, match="file name"):
        call(create_upload, world, UploadRequest(file_name, 1, dag_id=DAG_ID), at(0))


@pytest.mark.parametrize("size_bytes", [-1, 0, MAX_FILE_SIZE_BYTES + 1])
def test_create_upload_refuses_sizes_that_cannot_be(world: MemoryPorts, size_bytes: int) -> None:
    with pytest.raises(InvalidInputError, match="The file is"):
        call(create_upload, world, UploadRequest("a.h5", size_bytes, dag_id=DAG_ID), at(0))


@pytest.mark.parametrize("dag_id", ["", "no dag", "dag/id", "d\u00e4g", "x" * 251])
def test_create_upload_refuses_a_dag_id_that_airflow_would_refuse(
    world: MemoryPorts, dag_id: str
) -> None:
    with pytest.raises(InvalidInputError, match="dag_id must be"):
        call(create_upload, world, UploadRequest("a.h5", 1, dag_id=dag_id), at(0))


@pytest.mark.parametrize(
    ("size_bytes", "mebibytes"),
    [
        (1, 16),
        (16 * MIB + 1, 16),
        (10**10, 16),
        (10**11, 96),
        (10**12, 128),
        (2 * 10**12, 191),
        (50 * 10**12, 4769),
    ],
)
def test_choose_part_size_grows_with_the_file_within_s3s_limits(
    size_bytes: int, mebibytes: int
) -> None:
    part_size_bytes = choose_part_size(size_bytes)

    assert part_size_bytes == mebibytes * MIB
    assert 5 * MIB <= part_size_bytes <= 5 * 1024 * MIB
    assert -(-size_bytes // part_size_bytes) <= MAX_N_PARTS == 10_000


def test_create_upload_decides_again_when_the_workflow_is_started_meanwhile(
    world: MemoryPorts,
) -> None:
    commit = world.store.commit
    is_first = iter([True])

    def overtaken(*changes: Any) -> None:
        if next(is_first, False):
            call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
        commit(*changes)

    world.store.commit = overtaken  # type: ignore[method-assign]

    upload = call(create_upload, world, UploadRequest("a.h5", 1, task_id=SCAN_ID), at(1))

    assert upload.attempt == 1
