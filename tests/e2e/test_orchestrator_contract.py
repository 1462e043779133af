"""The contract of every orchestrator, on the real Airflow."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from local.config import DAG_ID
from tests.contracts.orchestrator import (
    START_TIMEOUT_S,
    Lasting,
    RunningOrchestratorContract,
    start,
    trigger,
)
from tests.e2e.airflow_runs import LASTING, wait_for_idle_airflow
from tests.e2e.laptop import CALL_TIMEOUT_S, Laptop
from workflow_manager.clients.http import build_http_client
from workflow_manager.domain.orchestrator_run import OrchestratorRunState
from workflow_manager.orchestrators.airflow_rest import AirflowRestOrchestrator
from workflow_manager.secrets import Credentials


@pytest.fixture(scope="module")
def orchestrator(laptop: Laptop) -> Iterator[AirflowRestOrchestrator]:
    """Return the adapter that the functions use, with the account that they use."""
    credentials = Credentials(
        username=laptop.stack.airflow_username,
        password=SecretStr(laptop.stack.airflow_password),
    )
    with build_http_client() as client:
        # The laptop's Airflow stands on SQLite, which may keep a writer waiting for longer.
        client.timeout = CALL_TIMEOUT_S
        yield AirflowRestOrchestrator(client, laptop.stack.airflow_url, lambda: credentials)


@pytest.fixture(autouse=True)
def _idle(laptop: Laptop) -> None:
    wait_for_idle_airflow(laptop)


@pytest.fixture
def dag_id() -> str:
    return DAG_ID


class TestAirflowRestOrchestrator(RunningOrchestratorContract):
    @pytest.fixture
    def lasting(self) -> Lasting:
        return LASTING


def test_cancel_dag_run_leaves_a_success_as_it_is(
    laptop: Laptop, orchestrator: AirflowRestOrchestrator
) -> None:
    key = start(orchestrator, LASTING)
    path = f"/dags/{DAG_ID}/dagRuns/{key.dag_run_id}"
    laptop.airflow.patch(path, json={"state": "success"}).raise_for_status()
    orchestrator.cancel_dag_run(DAG_ID, key.dag_run_id)
    [run] = orchestrator.list_dag_runs([key])
    assert run.state is OrchestratorRunState.SUCCESS


def test_failed_task_tells_the_type_of_its_exception(orchestrator: AirflowRestOrchestrator) -> None:
    # The DAG lacks everything in its conf, and gives up.
    key = trigger(orchestrator, DAG_ID)
    deadline = time.monotonic() + START_TIMEOUT_S
    while not orchestrator.list_dag_runs([key])[0].state.is_final:
        assert time.monotonic() < deadline, "The run did not end."
        time.sleep(0.3)
    [task] = orchestrator.list_task_instances([key])
    assert orchestrator.find_exception_type(DAG_ID, task) == "AirflowFailException"
    assert orchestrator.list_dag_runs([key])[0].dag_version


def test_runs_are_created_while_others_are_listed(orchestrator: AirflowRestOrchestrator) -> None:
    # The laptop's Airflow has one writer, and even this list writes to its audit log.
    first = trigger(orchestrator, DAG_ID, LASTING.conf)
    with ThreadPoolExecutor(8) as pool:
        created = [pool.submit(trigger, orchestrator, DAG_ID, LASTING.conf) for _ in range(4)]
        listed = [pool.submit(orchestrator.list_task_instances, [first]) for _ in range(16)]
        keys = [future.result() for future in created]
        assert all(future.result() for future in listed)
    assert len(orchestrator.list_dag_runs(keys)) == len(keys)
    for key in [first, *keys]:
        orchestrator.cancel_dag_run(key.dag_id, key.dag_run_id)


def test_dag_run_url_is_a_page_of_airflow(
    laptop: Laptop, orchestrator: AirflowRestOrchestrator
) -> None:
    url = orchestrator.dag_run_url(DAG_ID, "run-1")
    answer = laptop.plain.get(url).raise_for_status()
    assert answer.headers["Content-Type"].startswith("text/html")
