import io
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.contracts.samples import make_finished_run
from tests.fakes.ports import MemoryPorts
from tests.unit.functions.conftest import Invoke, load_event, read_body

KEY = "result/run-1/a.dcm"
PATH = "/v1/workflowmanager/dag_runs/run-1/results/"


def ask(**query: str) -> dict[str, Any]:
    parameters = {name: [value] for name, value in query.items()}
    event = load_event("list_results", "success")
    return event | {"path": PATH, "multiValueQueryStringParameters": parameters}


def test_list_results_shows_a_file_with_its_url(
    invoke: Invoke, world: MemoryPorts, log: io.StringIO
) -> None:
    world.store.commit([make_finished_run()])
    world.lake.put(KEY, b"pixels", "application/dicom")

    answer = invoke("list_results", ask())

    body = read_body(answer)
    [file] = body["results"]
    assert (answer["statusCode"], body["dag_run_id"], body["state"]) == (200, "run-1", "SUCCEEDED")
    assert (file["key"], file["type"], file["size_bytes"]) == (KEY, "DICOM", 6)
    assert world.lake.download(file["url"])[0] == b"pixels"
    assert file["metadata"]["n_coils"] == 8
    assert (file["preview_key"], file["preview_url"], file["unavailable_reason"]) == (None,) * 3
    # No cache and no log may keep what needs no token.
    assert answer["headers"]["cache-control"] == "no-store"
    assert file["url"] not in log.getvalue()
    assert KEY not in log.getvalue()


def test_list_results_says_how_long_the_urls_work(invoke: Invoke, world: MemoryPorts) -> None:
    world.store.commit([make_finished_run()])
    before = datetime.now(UTC)
    body = read_body(invoke("list_results", ask()))
    left = datetime.fromisoformat(body["expires_at"]) - before
    assert timedelta(seconds=900) <= left < timedelta(seconds=930)


def test_list_results_goes_page_by_page(invoke: Invoke, world: MemoryPorts) -> None:
    world.store.commit([make_finished_run()])
    for name in "abc":
        world.lake.put(f"result/run-1/{name}.dcm", b"1", "application/dicom")

    first = read_body(invoke("list_results", ask(limit="2")))
    second = read_body(invoke("list_results", ask(limit="2", cursor=first["next_cursor"])))

    keys = [file["key"][-5:] for page in (first, second) for file in page["results"]]
    assert keys == ["a.dcm", "b.dcm", "c.dcm"]
    assert second["next_cursor"] is None
