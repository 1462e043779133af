from datetime import UTC, datetime, timedelta

from tests.contracts.samples import make_rejected_object
from tests.fakes.ports import MemoryPorts
from tests.unit.functions.conftest import Invoke, load_event, read_body


def test_list_rejected_objects_shows_what_was_dropped_and_why(
    invoke: Invoke, world: MemoryPorts
) -> None:
    for _ in range(2):
        invoke("trigger_airflow", load_event("trigger_airflow", "empty_object"))

    answer = invoke("list_rejected_objects", load_event("list_rejected_objects", "defaults"))

    body = read_body(answer)
    [rejected] = body["rejected_objects"]
    assert answer["statusCode"] == 200
    assert body["next_cursor"] is None
    assert len(rejected.pop("rejected_object_id")) == 20
    assert datetime.fromisoformat(rejected.pop("at")) <= datetime.now(UTC)
    assert rejected == {
        "bucket": "data-lake",
        "key": "upload/cartesian_reconstruction/dropped by hand/raw.h5",
        "version_id": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
        "size_bytes": 0,
        "reason": "It is empty.",
    }


def test_list_rejected_objects_goes_page_by_page(invoke: Invoke, world: MemoryPorts) -> None:
    now = datetime.now(UTC)
    times = {f"object-{n}": now - timedelta(days=n) for n in range(3)}
    world.store.commit([make_rejected_object(name, at=at) for name, at in times.items()])
    event = load_event("list_rejected_objects", "defaults")

    def ask(**query: str) -> dict[str, list[dict[str, str]]]:
        parameters = {name: [value] for name, value in query.items()}
        asked = event | {"multiValueQueryStringParameters": parameters}
        return dict(read_body(invoke("list_rejected_objects", asked)))

    first = ask(limit="2")
    second = ask(limit="2", cursor=str(first["next_cursor"]))

    shown = first["rejected_objects"] + second["rejected_objects"]
    assert [each["rejected_object_id"] for each in shown] == list(times)
    assert second["next_cursor"] is None
