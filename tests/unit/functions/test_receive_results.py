import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.ports import MemoryPorts
from tests.fakes.world import NOW, callback_token, deliver, make_dag_data
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.dag_run import object_dag_run_id
from workflow_manager.domain.errors import VersionConflictError
from workflow_manager.steps import retry_on_conflict

RUN_ID = object_dag_run_id(make_dag_data())


@pytest.fixture
def started(world: MemoryPorts) -> MemoryPorts:
    # Just now: the function asks the clock, and a run's token does not last for ever.
    deliver(world, make_dag_data(), (datetime.now(UTC) - NOW).total_seconds())
    return world


def make_event(world: MemoryPorts, case: str) -> dict[str, Any]:
    text = json.dumps(load_event("receive_results", case))
    event: dict[str, Any] = json.loads(text.replace("4mz3qk2yx7w5t6r2a3bc", RUN_ID))
    event["headers"]["Authorization"] = f"Bearer {callback_token(world, RUN_ID)}"
    event["multiValueHeaders"]["Authorization"] = [event["headers"]["Authorization"]]
    return event


@pytest.mark.parametrize(
    ("case", "state"),
    [
        ("success", "SUCCEEDED"),
        ("scanhub_body", "SUCCEEDED"),
        ("failure", "FAILED"),
        ("progress", "RUNNING"),
    ],
)
def test_receive_results_records_what_the_dag_says(
    invoke: Invoke, started: MemoryPorts, case: str, state: str
) -> None:
    answer = invoke("receive_results", make_event(started, case))

    run = started.store.get_dag_run(RUN_ID)
    assert answer["statusCode"] == 200
    assert read_body(answer) == {"message": "Results ready notification sent successfully."}
    assert run is not None
    assert run.state == state


def test_receive_results_asks_to_be_called_again_when_others_write_first(
    invoke: Invoke, started: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given others who are always first, and no patience
    monkeypatch.setattr(retry_on_conflict, "TOTAL_S", 0)

    def lose(*_: object) -> None:
        raise VersionConflictError("Somebody else changed it at the same time.")

    monkeypatch.setattr(started.store, "commit", lose)

    answer = invoke("receive_results", make_event(started, "success"))

    # No 409, which says that the run has ended otherwise and ends the callback
    assert answer["statusCode"] == 503
    assert answer["headers"]["retry-after"] == "1"


def test_receive_results_says_nothing_about_the_body_to_a_stranger(invoke: Invoke) -> None:
    event = load_event("receive_results", "success") | {"body": json.dumps({"progress": 1000})}

    assert invoke("receive_results", event)["statusCode"] == 401


def test_receive_results_answers_422_to_a_body_that_can_be_taken_two_ways(
    invoke: Invoke, started: MemoryPorts
) -> None:
    event = make_event(started, "success") | {"body": json.dumps({"error": "boom"})}

    assert invoke("receive_results", event)["statusCode"] == 422


@pytest.mark.parametrize(
    "body",
    [
        r'{"success": false, "error": "\ud800"}',
        r'{"success": true, "\ud800": 1}',
        r'{"success": true, "dag_id": "\udfff"}',
        r'{"result_file": "\ud800.h5"}',
        r'{"results": [{"type": "MRD", "key": "result/RUN/\ud800.h5"}]}',
        r'{"results": [{"type": "\ud800", "key": "result/RUN/a.h5"}]}',
        r'{"results": [{"type": "MRD", "key": "result/RUN/a.h5", "metadata": {"\ud800": 1}}]}',
        r'{"results": [{"type": "MRD", "key": "result/RUN/a.h5", "metadata": {"a": "\udc00"}}]}',
    ],
)
def test_receive_results_answers_422_to_half_of_a_pair_of_surrogates(
    invoke: Invoke, started: MemoryPorts, body: str
) -> None:
    event = make_event(started, "success") | {"body": body.replace("RUN", RUN_ID)}

    assert invoke("receive_results", event)["statusCode"] == 422
    run = started.store.get_dag_run(RUN_ID)
    assert run is not None
    assert not run.state.is_final


@pytest.mark.parametrize("character", ["a", "ä", "語", "\U0001f9e0"])
def test_receive_results_counts_the_bytes_of_all_results(
    invoke: Invoke, started: MemoryPorts, character: str
) -> None:
    def send(n_facts: int) -> Any:
        facts = {f"fact {n}": character * 200 for n in range(n_facts)}
        keys = [f"result/{RUN_ID}/{n}.dcm" for n in range(20)]
        results = [{"type": "DICOM", "key": key, "metadata": facts} for key in keys]
        body = json.dumps({"success": True, "results": results})
        return invoke("receive_results", make_event(started, "success") | {"body": body})

    refused = send(30)

    n_bytes = len(character.encode())
    assert refused["statusCode"] == 422
    assert "100000 bytes" in refused["body"]
    assert send(20 // n_bytes)["statusCode"] == 200
