"""The contract of every orchestrator, on the real Airflow."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from local.config import DAG_ID
from tests.contracts.orchestrator import OrchestratorContract
from tests.e2e.laptop import Laptop
from workflow_manager.clients.http import build_http_client
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
        yield AirflowRestOrchestrator(client, laptop.stack.airflow_url, lambda: credentials)


@pytest.fixture
def dag_id() -> str:
    return DAG_ID


class TestAirflowRestOrchestrator(OrchestratorContract):
    """Nothing beyond the contract."""
