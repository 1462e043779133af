import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import DAG_ID, at, make_world
from workflow_manager.domain.errors import ConflictError
from workflow_manager.domain.upload import Part, Upload, UploadState
from workflow_manager.services.abort_upload import abort_upload
from workflow_manager.services.complete_upload import SentFile, complete_upload
from workflow_manager.services.create_upload import UploadRequest, create_upload


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def send(world: MemoryPorts) -> tuple[Upload, SentFile]:
    upload = call(create_upload, world, UploadRequest("a.h5", 4, dag_id=DAG_ID), at(0))
    url = world.lake.presign_part(upload.key, upload.s3_upload_id, 1)
    return upload, SentFile([Part(part_number=1, etag=world.lake.put_part(url, b"data"))])


def test_abort_upload_deletes_the_parts_for_good(world: MemoryPorts) -> None:
    upload, sent = send(world)

    aborted = call(abort_upload, world, upload.upload_id, at(1))

    assert aborted.state is UploadState.ABORTED
    assert world.lake.list_parts(upload.key, upload.s3_upload_id) is None
    with pytest.raises(ConflictError, match="aborted"):
        call(complete_upload, world, upload.upload_id, sent, at(2))


def test_abort_upload_leaves_a_complete_upload_alone(world: MemoryPorts) -> None:
    upload, sent = send(world)
    call(complete_upload, world, upload.upload_id, sent, at(1))

    with pytest.raises(ConflictError, match="complete"):
        call(abort_upload, world, upload.upload_id, at(2))

    assert world.lake.get(upload.key) == b"data"


def test_abort_upload_comes_too_late_when_only_the_answer_was_lost(world: MemoryPorts) -> None:
    upload, sent = send(world)
    world.lake.complete_multipart_upload(upload.key, upload.s3_upload_id, sent.parts, 4)

    with pytest.raises(ConflictError, match="complete"):
        call(abort_upload, world, upload.upload_id, at(1))

    assert (
        call(complete_upload, world, upload.upload_id, sent, at(2)).state is UploadState.COMPLETED
    )
