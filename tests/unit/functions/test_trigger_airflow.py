import io
import json

import pytest

from tests.fakes.ports import MemoryPorts
from tests.fakes.world import SCAN_ID, get_task
from tests.unit.functions.conftest import Invoke, load_event
from workflow_manager.domain.task import TaskStatus

ALL_HANDLED = {"batchItemFailures": []}


@pytest.mark.parametrize("case", ["upload_arrived", "bare_s3_event"])
def test_trigger_airflow_starts_a_run_for_an_object(
    invoke: Invoke, world: MemoryPorts, case: str
) -> None:
    assert invoke("trigger_airflow", load_event("trigger_airflow", case)) == ALL_HANDLED
    assert len(world.orchestrator.dag_runs) == 1


def test_trigger_airflow_decodes_keys_as_s3_encodes_them(
    invoke: Invoke, world: MemoryPorts
) -> None:
    invoke("trigger_airflow", load_event("trigger_airflow", "bare_s3_event"))

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
    event = load_event("trigger_airflow", "upload_arrived")
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
