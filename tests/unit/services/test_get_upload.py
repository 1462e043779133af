import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import DAG_ID, SCAN_ID, at, make_world
from workflow_manager.domain.upload import Part, Upload, UploadState
from workflow_manager.services.complete_upload import SentFile, complete_upload
from workflow_manager.services.create_upload import UploadRequest, create_upload
from workflow_manager.services.get_upload import PartWindow, get_upload

MIB = 2**20


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def begin(world: MemoryPorts, size_bytes: int = 40 * MIB) -> Upload:
    return call(create_upload, world, UploadRequest("a.h5", size_bytes, dag_id=DAG_ID), at(0))


def test_get_upload_shows_what_is_there_and_where_the_rest_goes(world: MemoryPorts) -> None:
    # Given an upload of which the middle part has arrived
    upload = begin(world)
    url = world.lake.presign_part(upload.key, upload.s3_upload_id, 2)
    world.lake.put_part(url, b"x" * 16 * MIB)

    progress = call(get_upload, world, upload.upload_id, PartWindow(), at(1))

    assert [(p.part_number, p.size_bytes) for p in progress.present] == [(2, 16 * MIB)]
    assert progress.present[0].crc64nvme
    assert [(p.part_number, p.size_bytes) for p in progress.missing] == [
        (1, 16 * MIB),
        (3, 8 * MIB),
    ]


def test_get_upload_asks_for_a_part_of_the_wrong_size_again(world: MemoryPorts) -> None:
    upload = begin(world)
    world.lake.put_part(world.lake.presign_part(upload.key, upload.s3_upload_id, 3), b"short")

    progress = call(get_upload, world, upload.upload_id, PartWindow(), at(1))

    assert [part.part_number for part in progress.missing] == [1, 2, 3]


def test_get_upload_signs_a_window_only(world: MemoryPorts) -> None:
    # Given the largest file of all, in 10,000 parts
    upload = begin(world, 50 * 10**12)

    first = call(get_upload, world, upload.upload_id, PartWindow(), at(1))
    last = call(get_upload, world, upload.upload_id, PartWindow(from_part=9_999), at(1))
    none = call(get_upload, world, upload.upload_id, PartWindow(limit=0), at(1))

    assert [part.part_number for part in first.missing] == list(range(1, 101))
    assert [part.part_number for part in last.missing][:2] == [9_999, 10_000][
        : upload.n_parts - 9_998
    ]
    assert none.missing == []


def test_get_upload_finds_an_object_whose_answer_was_lost(world: MemoryPorts) -> None:
    upload = begin(world, 4)
    etag = world.lake.put_part(world.lake.presign_part(upload.key, upload.s3_upload_id, 1), b"data")
    parts = [Part(part_number=1, etag=etag)]
    data = world.lake.complete_multipart_upload(upload.key, upload.s3_upload_id, parts, 4)

    progress = call(get_upload, world, upload.upload_id, PartWindow(), at(1))

    assert data is not None
    assert progress.upload.state is UploadState.COMPLETED
    assert progress.upload.version_id == data.version_id
    assert progress.missing == []


def test_get_upload_says_that_an_expired_upload_is_gone(world: MemoryPorts) -> None:
    upload = begin(world)
    world.lake.abort_multipart_upload(upload.key, upload.s3_upload_id)

    progress = call(get_upload, world, upload.upload_id, PartWindow(), at(1))

    assert progress.upload.state is UploadState.ABORTED
    assert progress.missing == []


def test_get_upload_of_a_user_who_is_gone_is_for_who_may_see_the_task(world: MemoryPorts) -> None:
    # Given an upload for a scan, of a user who was deleted in the middle of it
    request = UploadRequest("a.h5", 4, task_id=SCAN_ID)
    upload = call(create_upload, world, request, at(0, "user-who-leaves"))
    world.lake.put_part(world.lake.presign_part(upload.key, upload.s3_upload_id, 1), b"data")

    # When a colleague asks; then nothing is lost, and the upload can be completed
    progress = call(get_upload, world, upload.upload_id, PartWindow(), at(1))
    completed = call(complete_upload, world, upload.upload_id, SentFile(progress.present), at(2))
    assert completed.state is UploadState.COMPLETED
