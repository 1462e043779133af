from datetime import timedelta

from tests.fakes.ports import MemoryPorts
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.upload import UploadState

EVENT = load_event("list_uploads", "success")


def create(invoke: Invoke, actor: str = "operator") -> str:
    event = load_event("create_upload", "for_dag")
    event["requestContext"]["authorizer"]["principalId"] = actor
    answer = invoke("create_upload", event)
    assert answer["statusCode"] == 201
    return str(read_body(answer)["upload_id"])


def test_list_uploads_shows_ones_own_open_ones_newest_first(
    invoke: Invoke, world: MemoryPorts
) -> None:
    first, second, third = (create(invoke) for _ in range(3))
    create(invoke, "somebody")
    upload = world.store.get_upload(second)
    assert upload is not None
    world.store.commit([upload.evolve(state=UploadState.COMPLETED)])

    shown = read_body(invoke("list_uploads", EVENT))

    assert [each["upload_id"] for each in shown["uploads"]] == [third, first]
    assert shown["uploads"][0]["n_parts"] == 3
    assert shown["next_cursor"] is None


def test_list_uploads_leaves_out_what_has_expired(invoke: Invoke, world: MemoryPorts) -> None:
    upload = world.store.get_upload(create(invoke))
    assert upload is not None
    kept = timedelta(seconds=world.settings.upload_retention_s)
    old = upload.evolve(created_at=upload.created_at - kept - timedelta(minutes=1))
    world.store.commit([old])

    assert read_body(invoke("list_uploads", EVENT))["uploads"] == []
