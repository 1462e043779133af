"""The contract of every orchestrator as on MWAA: the real boto3 client, the real Airflow."""

from collections.abc import Iterator

import pytest

from local.config import DAG_ID
from tests.contracts.orchestrator import Lasting, RunningOrchestratorContract
from tests.e2e.airflow_runs import LASTING, wait_for_idle_airflow
from tests.e2e.laptop import Laptop
from tests.fakes.mwaa import ENVIRONMENT, connect_mwaa, serve_mwaa
from workflow_manager.orchestrators.mwaa import MwaaOrchestrator


@pytest.fixture(autouse=True)
def _idle(laptop: Laptop) -> None:
    wait_for_idle_airflow(laptop)


class TestMwaaOrchestrator(RunningOrchestratorContract):
    @pytest.fixture
    def orchestrator(self, laptop: Laptop) -> Iterator[MwaaOrchestrator]:
        with serve_mwaa(laptop.airflow) as url, connect_mwaa(url) as client:
            yield MwaaOrchestrator(client, ENVIRONMENT)

    @pytest.fixture
    def dag_id(self) -> str:
        return DAG_ID

    @pytest.fixture
    def lasting(self) -> Lasting:
        return LASTING
