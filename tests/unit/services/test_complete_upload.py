from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from awscrt.checksums import crc64nvme

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import DAG_ID, SCAN_ID, TOKEN, WORKFLOW_ID, at, make_world
from workflow_manager.domain.dag_run import object_dag_run_id
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.errors import ConflictError, InvalidInputError, NotFoundError
from workflow_manager.domain.upload import Part, Upload, UploadState
from workflow_manager.services.complete_upload import SentFile, complete_upload, dag_run_of
from workflow_manager.services.create_upload import UploadRequest, create_upload
from workflow_manager.services.process_workflow import process_workflow

MIB = 2**20
SIZE_BYTES = 17 * MIB


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def send(world: MemoryPorts, last_size_bytes: int = MIB) -> tuple[Upload, SentFile]:
    upload = call(create_upload, world, UploadRequest("a.h5", SIZE_BYTES, dag_id=DAG_ID), at(0))
    bodies = [b"x" * 16 * MIB, b"x" * last_size_bytes]
    etags = [put(world, upload, n + 1, body) for n, body in enumerate(bodies)]
    parts = [Part(part_number=n + 1, etag=etag) for n, etag in enumerate(etags)]
    return upload, SentFile(parts, encode_crc64nvme(b"x" * SIZE_BYTES))


def put(world: MemoryPorts, upload: Upload, part_number: int, body: bytes) -> str:
    return world.lake.put_part(
        world.lake.presign_part(upload.key, upload.s3_upload_id, part_number), body
    )


def encode_crc64nvme(body: bytes) -> str:
    return b64encode(crc64nvme(body).to_bytes(8)).decode()


def test_complete_upload_makes_one_object_and_knows_its_run(world: MemoryPorts) -> None:
    upload, sent = send(world)

    completed = call(complete_upload, world, upload.upload_id, sent, at(1))

    found = world.lake.head(upload.key)
    assert found is not None
    assert completed.state is UploadState.COMPLETED
    assert found.size_bytes == SIZE_BYTES
    assert call(dag_run_of, world, completed) == object_dag_run_id(found)


def test_complete_upload_answers_the_same_when_called_again(world: MemoryPorts) -> None:
    upload, sent = send(world)
    first = call(complete_upload, world, upload.upload_id, sent, at(1))

    again = call(complete_upload, world, upload.upload_id, sent, at(2))

    assert again.version_id == first.version_id


def test_complete_upload_finds_an_object_whose_answer_was_lost(world: MemoryPorts) -> None:
    upload, sent = send(world)
    lost = world.lake.complete_multipart_upload(
        upload.key, upload.s3_upload_id, sent.parts, SIZE_BYTES
    )

    completed = call(complete_upload, world, upload.upload_id, sent, at(1))

    assert lost is not None
    assert completed.version_id == lost.version_id


def test_complete_upload_names_a_part_that_has_not_arrived(world: MemoryPorts) -> None:
    upload = call(create_upload, world, UploadRequest("a.h5", SIZE_BYTES, dag_id=DAG_ID), at(0))
    sent = SentFile([Part(part_number=1, etag=put(world, upload, 1, b"x" * 16 * MIB))])

    with pytest.raises(ConflictError, match="Part 2 of 2 has not arrived"):
        call(complete_upload, world, upload.upload_id, sent, at(1))


def test_complete_upload_names_a_part_of_the_wrong_size(world: MemoryPorts) -> None:
    upload, sent = send(world, last_size_bytes=MIB - 1)

    with pytest.raises(ConflictError, match="Part 2 does not have its planned size"):
        call(complete_upload, world, upload.upload_id, sent, at(1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda parts: parts[:1], "Part 2 is missing from the list"),
        (lambda parts: [parts[0], Part(part_number=2, etag="other")], "Part 2 in S3 is not"),
        (lambda parts: [*parts, Part(part_number=3, etag="x")], "Part 3 is not part"),
        (lambda parts: [*parts, parts[0]], "named twice"),
        (
            lambda parts: [parts[0].model_copy(update={"crc64nvme": "AAAAAAAAAAA="}), parts[1]],
            "Part 1 in S3 is not",
        ),
    ],
)
@pytest.mark.parametrize("has_crc", [False, True])
def test_complete_upload_names_the_part_that_does_not_fit_and_stays_open(
    world: MemoryPorts, change: Callable[[list[Part]], list[Part]], message: str, has_crc: bool
) -> None:
    upload, sent = send(world)

    crc = sent.crc64nvme if has_crc else None
    with pytest.raises((ConflictError, InvalidInputError), match=message):
        call(complete_upload, world, upload.upload_id, SentFile(change(sent.parts), crc), at(1))

    assert call(complete_upload, world, upload.upload_id, sent, at(2)).version_id


def test_complete_upload_stays_open_when_the_whole_has_another_checksum(world: MemoryPorts) -> None:
    # Given parts of which one holds other bytes than the file, and S3 knows no better
    upload, sent = send(world)
    etag = put(world, upload, 2, b"y" * MIB)
    wrong = SentFile([sent.parts[0], Part(part_number=2, etag=etag)], sent.crc64nvme)

    # When the checksum of the file is compared; then it is refused, and nothing is there
    with pytest.raises(ConflictError, match="another CRC-64/NVME"):
        call(complete_upload, world, upload.upload_id, wrong, at(1))
    assert world.lake.head(upload.key) is None

    # And the part may be sent again
    put(world, upload, 2, b"x" * MIB)
    assert (
        call(complete_upload, world, upload.upload_id, sent, at(2)).state is UploadState.COMPLETED
    )


@pytest.mark.parametrize("name", ["list_parts", "complete_multipart_upload"])
@pytest.mark.parametrize("has_crc", [False, True])
def test_complete_upload_by_two_at_once_makes_one_object(
    world: MemoryPorts, name: str, has_crc: bool
) -> None:
    upload, sent = send(world)
    sent = sent if has_crc else SentFile(sent.parts)
    ask = getattr(world.lake, name)

    def overtaken(*asked: Any) -> Any:
        setattr(world.lake, name, ask)
        call(complete_upload, world, upload.upload_id, sent, at(1))
        return ask(*asked)

    setattr(world.lake, name, overtaken)

    completed = call(complete_upload, world, upload.upload_id, sent, at(1))

    assert len(world.lake.list_versions("upload/")) == 1
    assert completed.version_id == world.store.get_upload(upload.upload_id).version_id  # type: ignore[union-attr]


def test_complete_upload_is_open_to_whoever_may_see_the_task(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    upload = call(create_upload, world, UploadRequest("a.h5", 4, task_id=SCAN_ID), at(0))
    sent = SentFile([Part(part_number=1, etag=put(world, upload, 1, b"data"))])
    seen = world.exam.tasks.pop(SCAN_ID)

    with pytest.raises(NotFoundError):
        call(complete_upload, world, upload.upload_id, sent, at(1, "somebody-else"))
    world.exam.tasks[SCAN_ID] = seen

    assert call(complete_upload, world, upload.upload_id, sent, at(2, "somebody-else")).version_id


def test_complete_upload_says_that_an_aborted_upload_is_gone(world: MemoryPorts) -> None:
    upload, sent = send(world)
    stale = upload.evolve(s3_upload_id="aborted", version=1)
    world.store.commit([stale])

    with pytest.raises(ConflictError, match="aborted"):
        call(complete_upload, world, upload.upload_id, sent, at(1))


def test_dag_run_of_raw_data_of_a_scan_is_none(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    upload = call(create_upload, world, UploadRequest("a.h5", 1, task_id=SCAN_ID), at(0))

    assert call(dag_run_of, world, upload) is None


def test_dag_run_of_an_object_depends_on_its_version(world: MemoryPorts) -> None:
    ids = {
        object_dag_run_id(ObjectVersion(bucket="b", key="k", version_id=version))
        for version in ("1", "2")
    }

    assert len(ids) == 2
