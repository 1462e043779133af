"""The contract of every orchestrator, on the real Airflow 2.11: by its URL, and as on MWAA."""

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.airflow2.conftest import Airflow2
from tests.contracts.orchestrator import Lasting, RunningOrchestratorContract, trigger
from tests.fakes.mwaa import ENVIRONMENT, connect_mwaa, serve_mwaa
from workflow_manager.clients.http import build_http_client
from workflow_manager.domain.errors import InvalidInputError, NotFoundError, UpstreamRefusedError
from workflow_manager.domain.orchestrator_run import OrchestratorRunState
from workflow_manager.orchestrators.airflow_rest import AirflowRestOrchestrator
from workflow_manager.orchestrators.mwaa import MwaaOrchestrator
from workflow_manager.ports import Orchestrator
from workflow_manager.secrets import Credentials

BROKEN_TIMEOUT_S = 60
TASK_TIMEOUT_S = 60


@pytest.fixture(scope="session")
def rest(airflow2: Airflow2) -> Iterator[AirflowRestOrchestrator]:
    with build_http_client() as client:
        # The first answer of a fresh web server takes longer than an orchestrator waits.
        airflow2.api.get("/dags").raise_for_status()
        url = airflow2.config.airflow_url
        yield AirflowRestOrchestrator(client, url, lambda: airflow2.credentials, "v1")


@pytest.fixture(scope="session")
def mwaa(airflow2: Airflow2) -> Iterator[MwaaOrchestrator]:
    with serve_mwaa(airflow2.api) as url, connect_mwaa(url) as client:
        yield MwaaOrchestrator(client, ENVIRONMENT, "v1")


class TestAirflowRestOrchestrator(RunningOrchestratorContract):
    @pytest.fixture
    def orchestrator(self, rest: AirflowRestOrchestrator) -> AirflowRestOrchestrator:
        return rest

    @pytest.fixture
    def dag_id(self) -> str:
        return "contract"

    @pytest.fixture
    def lasting(self) -> Lasting:
        return Lasting("contract_sleeping")


class TestMwaaOrchestrator(RunningOrchestratorContract):
    @pytest.fixture
    def orchestrator(self, mwaa: MwaaOrchestrator) -> MwaaOrchestrator:
        return mwaa

    @pytest.fixture(params=["contract", "contract_of_an_orchestrator_behind_mwaa"])
    def dag_id(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def lasting(self) -> Lasting:
        return Lasting("contract_sleeping")


@pytest.fixture(params=["rest", "mwaa"])
def orchestrator(request: pytest.FixtureRequest) -> Orchestrator:
    found: Orchestrator = request.getfixturevalue(request.param)
    return found


def test_list_dags_marks_paused_dags(orchestrator: Orchestrator) -> None:
    paused = {dag.dag_id: dag.is_paused for dag in orchestrator.list_dags()}
    assert paused["contract_paused"] and not paused["contract"]


def test_list_dags_marks_a_broken_dag(airflow2: Airflow2, orchestrator: Orchestrator) -> None:
    file = airflow2.config.dags_folder / "breaking.py"
    file.write_text("# an airflow dag\nraise RuntimeError\n")
    deadline = time.monotonic() + BROKEN_TIMEOUT_S
    while not (dag := orchestrator.get_dag("contract_broken")) or not dag.has_import_errors:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert dag in orchestrator.list_dags()
    errors = {error.filename: error.error for error in orchestrator.list_import_errors()}
    assert errors["breaking.py"] == "RuntimeError (line 2)"
    with pytest.raises((InvalidInputError, NotFoundError)):
        orchestrator.trigger_dag_run("contract_broken", "run", {})


def test_cancel_dag_run_leaves_a_success_as_it_is(orchestrator: Orchestrator) -> None:
    key = trigger(orchestrator, "contract")
    deadline = time.monotonic() + TASK_TIMEOUT_S
    while not (run := orchestrator.list_dag_runs([key])[0]).state.is_final:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    orchestrator.cancel_dag_run(key.dag_id, key.dag_run_id)
    assert orchestrator.list_dag_runs([key]) == [run]
    assert run.state is OrchestratorRunState.SUCCESS


def test_dag_run_url_is_a_page_that_people_log_in_to(
    airflow2: Airflow2, rest: AirflowRestOrchestrator
) -> None:
    answer = httpx.get(rest.dag_run_url("contract", "run-1"), trust_env=False)
    assert answer.status_code == httpx.codes.FOUND
    assert "/login" in answer.headers["Location"]


def test_wrong_credentials_are_refused_with_airflows_status(airflow2: Airflow2) -> None:
    wrong = Credentials.model_validate({"username": "service", "password": "wrong"})
    with build_http_client() as client:
        url = airflow2.config.airflow_url
        orchestrator = AirflowRestOrchestrator(client, url, lambda: wrong, "v1")
        with pytest.raises(UpstreamRefusedError) as caught:
            orchestrator.list_dags()
    assert caught.value.status == httpx.codes.FORBIDDEN


def test_another_api_version_is_refused_not_taken_for_a_missing_dag(airflow2: Airflow2) -> None:
    with serve_mwaa(airflow2.api) as url, connect_mwaa(url) as client:
        with pytest.raises(UpstreamRefusedError):
            MwaaOrchestrator(client, ENVIRONMENT, "v2").check_health()
