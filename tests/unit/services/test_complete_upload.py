import pytest

from tests.fakes.ports import MemoryPorts
from tests.fakes.world import DAG_ID, SCAN_ID, TOKEN, WORKFLOW_ID, at, make_world
from workflow_manager.domain.dag_run import object_dag_run_id
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.errors import ConflictError, InvalidInputError, NotFoundError
from workflow_manager.domain.upload import Part, Upload, UploadState
from workflow_manager.services.complete_upload import complete_upload, dag_run_of
from workflow_manager.services.create_upload import UploadRequest, create_upload
from workflow_manager.services.process_workflow import process_workflow

MIB = 2**20
SIZE_BYTES = 17 * MIB


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def send(world: MemoryPorts, last_size_bytes: int = MIB) -> tuple[Upload, list[Part]]:
    request = UploadRequest("a.h5", SIZE_BYTES, dag_id=DAG_ID)
    upload, planned = create_upload(world, request, at(0))
    sizes = [planned[0].size_bytes, last_size_bytes]
    etags = [
        world.lake.put_part(part.url, b"x" * size)
        for part, size in zip(planned, sizes, strict=True)
    ]
    return upload, [Part(part_number=n + 1, etag=etag) for n, etag in enumerate(etags)]


def test_complete_upload_makes_one_object_and_knows_its_run(world: MemoryPorts) -> None:
    upload, parts = send(world)

    completed = complete_upload(world, upload.upload_id, parts, at(1))

    found = world.lake.head(upload.key)
    assert found is not None
    assert completed.state is UploadState.COMPLETED
    assert found.size_bytes == SIZE_BYTES
    assert dag_run_of(world, completed) == object_dag_run_id(found)


def test_complete_upload_answers_the_same_when_called_again(world: MemoryPorts) -> None:
    upload, parts = send(world)
    first = complete_upload(world, upload.upload_id, parts, at(1))

    again = complete_upload(world, upload.upload_id, parts, at(2))

    assert again.version_id == first.version_id


def test_complete_upload_finds_an_object_whose_answer_was_lost(world: MemoryPorts) -> None:
    upload, parts = send(world)
    lost = world.lake.complete_multipart_upload(upload.key, upload.s3_upload_id, parts)

    completed = complete_upload(world, upload.upload_id, parts, at(1))

    assert lost is not None
    assert completed.version_id == lost.version_id


def test_complete_upload_names_a_part_that_has_not_arrived(world: MemoryPorts) -> None:
    request = UploadRequest("a.h5", SIZE_BYTES, dag_id=DAG_ID)
    upload, planned = create_upload(world, request, at(0))
    etag = world.lake.put_part(planned[0].url, b"x" * planned[0].size_bytes)

    with pytest.raises(InvalidInputError, match="Part 2 of 2 has not arrived"):
        complete_upload(world, upload.upload_id, [Part(part_number=1, etag=etag)], at(1))


def test_complete_upload_names_a_part_of_the_wrong_size(world: MemoryPorts) -> None:
    upload, parts = send(world, last_size_bytes=MIB - 1)

    with pytest.raises(InvalidInputError, match="Part 2 does not have its planned size"):
        complete_upload(world, upload.upload_id, parts, at(1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda parts: parts[:1], "Part 2 is missing from the list"),
        (lambda parts: [parts[0], Part(part_number=2, etag="other")], "Part 2 in S3 is not"),
        (lambda parts: [*parts, Part(part_number=3, etag="x")], "Part 3 is not part"),
    ],
)
def test_complete_upload_names_the_part_that_does_not_fit_and_stays_open(
    world: MemoryPorts, change: object, message: str
) -> None:
    upload, parts = send(world)
    assert callable(change)

    with pytest.raises(InvalidInputError, match=message):
        complete_upload(world, upload.upload_id, change(parts), at(1))

    assert complete_upload(world, upload.upload_id, parts, at(2)).version_id


def test_complete_upload_hides_another_users_upload(world: MemoryPorts) -> None:
    upload, parts = send(world)

    with pytest.raises(NotFoundError):
        complete_upload(world, upload.upload_id, parts, at(1, "somebody-else"))
    with pytest.raises(NotFoundError):
        complete_upload(world, "unknown", parts, at(1))


def test_complete_upload_is_open_to_whoever_may_see_the_task(world: MemoryPorts) -> None:
    process_workflow(world, WORKFLOW_ID, TOKEN, at(0))
    upload, [part] = create_upload(world, UploadRequest("a.h5", 4, task_id=SCAN_ID), at(0))
    parts = [Part(part_number=1, etag=world.lake.put_part(part.url, b"data"))]
    seen = world.exam.tasks.pop(SCAN_ID)

    with pytest.raises(NotFoundError):
        complete_upload(world, upload.upload_id, parts, at(1, "somebody-else"))
    world.exam.tasks[SCAN_ID] = seen

    assert complete_upload(world, upload.upload_id, parts, at(2, "somebody-else")).version_id


def test_complete_upload_says_that_an_aborted_upload_is_gone(world: MemoryPorts) -> None:
    upload, parts = send(world)
    stale = upload.evolve(s3_upload_id="aborted", version=1)
    world.store.commit([stale])

    with pytest.raises(ConflictError, match="aborted"):
        complete_upload(world, upload.upload_id, parts, at(1))


def test_dag_run_of_raw_data_of_a_scan_is_none(world: MemoryPorts) -> None:
    process_workflow(world, WORKFLOW_ID, TOKEN, at(0))
    upload, _ = create_upload(world, UploadRequest("a.h5", 1, task_id=SCAN_ID), at(0))

    assert dag_run_of(world, upload) is None


def test_dag_run_of_an_object_depends_on_its_version(world: MemoryPorts) -> None:
    ids = {
        object_dag_run_id(ObjectVersion(bucket="b", key="k", version_id=version))
        for version in ("1", "2")
    }

    assert len(ids) == 2
