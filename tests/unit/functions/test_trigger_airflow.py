import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

import pytest

from tests.fakes.ports import MemoryPorts
from tests.fakes.world import SCAN_ID, get_task
from tests.unit.functions.conftest import Invoke, load_event
from workflow_manager.domain.listing import ListQuery
from workflow_manager.domain.task import TaskStatus

ALL_HANDLED = {"batchItemFailures": []}


def load_arrived(world: MemoryPorts, case: str) -> dict[str, Any]:
    """Return the event of an object that is in the lake."""
    event = load_event("trigger_airflow", case)
    record = event["Records"][0]
    body = json.loads(record["body"]) if "body" in record else event
    entry = body["Records"][0]["s3"]["object"]
    entry["versionId"] = world.lake.put(unquote_plus(entry["key"]), b"raw data", "").version_id
    if "body" in record:
        record["body"] = json.dumps(body)
    return event


@pytest.mark.parametrize("case", ["upload_arrived", "bare_s3_event"])
def test_trigger_airflow_starts_a_run_for_an_object(
    invoke: Invoke, world: MemoryPorts, case: str
) -> None:
    assert invoke("trigger_airflow", load_arrived(world, case)) == ALL_HANDLED
    assert len(world.orchestrator.dag_runs) == 1


def test_trigger_airflow_decodes_keys_as_s3_encodes_them(
    invoke: Invoke, world: MemoryPorts
) -> None:
    invoke("trigger_airflow", load_arrived(world, "bare_s3_event"))

    [conf] = world.orchestrator.dag_runs.values()
    assert conf["key"] == "upload/cartesian_reconstruction/dropped by hand/k\u00f6rper.h5"


def test_trigger_airflow_completes_a_scan(invoke: Invoke, world: MemoryPorts) -> None:
    invoke("trigger_airflow", load_event("trigger_airflow", "acquisition_arrived"))

    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED


def test_trigger_airflow_ignores_the_test_event(invoke: Invoke, world: MemoryPorts) -> None:
    answer = invoke("trigger_airflow", load_event("trigger_airflow", "s3_test_event"))

    assert answer == ALL_HANDLED
    assert world.orchestrator.dag_runs == {}


def test_trigger_airflow_gives_back_poison_only(invoke: Invoke, world: MemoryPorts) -> None:
    event = load_arrived(world, "upload_arrived")
    poison = load_event("trigger_airflow", "poison")["Records"][0] | {"messageId": "poison"}
    event["Records"].insert(0, poison)

    answer = invoke("trigger_airflow", event)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "poison"}]}
    assert len(world.orchestrator.dag_runs) == 1


@pytest.mark.parametrize("body", ["[]", "{}", '{"Records": [{}]}', '{"start_dag_run": 1}', '"x"'])
def test_trigger_airflow_gives_back_what_it_does_not_understand(invoke: Invoke, body: str) -> None:
    event = load_event("trigger_airflow", "poison")
    event["Records"][0]["body"] = body

    assert len(invoke("trigger_airflow", event)["batchItemFailures"]) == 1


def test_trigger_airflow_logs_no_key_and_no_token(invoke: Invoke, log: io.StringIO) -> None:
    event = load_event("trigger_airflow", "upload_arrived")
    body = json.loads(event["Records"][0]["body"])
    body["Records"][0]["s3"]["object"]["key"] = "upload/cartesian_reconstruction/Jane+Doe.h5"
    event["Records"][0]["body"] = json.dumps(body)

    invoke("trigger_airflow", event)

    assert "Jane" not in log.getvalue()


@pytest.mark.parametrize("case", ["empty_object", "folder_marker", "result_written"])
def test_trigger_airflow_records_a_misfit_and_gives_nothing_back(
    invoke: Invoke, world: MemoryPorts, log: io.StringIO, case: str
) -> None:
    event = load_event("trigger_airflow", case)

    assert [invoke("trigger_airflow", event) for _ in range(2)] == [ALL_HANDLED] * 2

    now = datetime.now(UTC)
    page = world.store.list_rejected_objects(ListQuery(now - timedelta(hours=1), now, 10))
    assert len(page.items) == 1
    assert page.items[0].key not in log.getvalue()
    assert world.orchestrator.dag_runs == {}


@pytest.mark.parametrize(
    ("case", "is_counted"),
    [("empty_object", True), ("result_written", True), ("folder_marker", False)],
)
def test_trigger_airflow_counts_misfits_but_no_folder_markers(
    invoke: Invoke, capsys: pytest.CaptureFixture[str], case: str, is_counted: bool
) -> None:
    for _ in range(2):
        invoke("trigger_airflow", load_event("trigger_airflow", case))

    written = [line for line in capsys.readouterr().out.splitlines() if "ObjectsRejected" in line]
    assert [json.loads(line)["ObjectsRejected"] for line in written] == [[1.0]] * is_counted
    assert "dropped" not in "".join(written)
