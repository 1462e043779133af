import pytest

from tests.contracts.orchestrator import OrchestratorContract
from workflow_manager.domain.errors import UpstreamUnreachableError
from workflow_manager.orchestrators.memory import MemoryOrchestrator
from workflow_manager.ports import Dag


@pytest.fixture
def orchestrator() -> MemoryOrchestrator:
    return MemoryOrchestrator([Dag(dag_id="dag_reco", dag_display_name="Reconstruction")])


class TestMemoryOrchestrator(OrchestratorContract):
    @pytest.fixture
    def dag_id(self) -> str:
        return "dag_reco"


def test_memory_orchestrator_raises_the_outage_while_it_lasts(
    orchestrator: MemoryOrchestrator,
) -> None:
    orchestrator.outage = UpstreamUnreachableError("Airflow failed.")
    with pytest.raises(UpstreamUnreachableError):
        orchestrator.trigger_dag_run("dag_reco", "run", {})
    with pytest.raises(UpstreamUnreachableError):
        orchestrator.check_health()
    orchestrator.outage = None
    orchestrator.check_health()
