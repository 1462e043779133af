from datetime import UTC, datetime

import pytest

from tests.contracts.orchestrator import OrchestratorContract
from tests.fakes.orchestrator import MemoryOrchestrator
from workflow_manager.domain.errors import UpstreamError, UpstreamUnreachableError
from workflow_manager.domain.orchestrator_run import OrchestratorRunState, RunKey, TaskInstance
from workflow_manager.ports import Dag

NOW = datetime(2026, 11, 24, tzinfo=UTC)
KEY = RunKey(dag_id="dag_reco", dag_run_id="run", created_at=NOW)


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


def test_memory_orchestrator_ends_runs_and_shows_tasks_as_it_is_told(
    orchestrator: MemoryOrchestrator,
) -> None:
    orchestrator.trigger_dag_run("dag_reco", "run", {})
    task = TaskInstance(dag_run_id="run", task_id="fetch", state="success", try_number=1)
    orchestrator.task_instances["dag_reco", "run"] = [task]
    orchestrator.finish("dag_reco", "run", OrchestratorRunState.SUCCESS, NOW)
    [run] = orchestrator.list_dag_runs([KEY])
    assert (run.state, run.ended_at) == (OrchestratorRunState.SUCCESS, NOW)
    assert orchestrator.list_task_instances([KEY]) == [task]


def test_memory_orchestrator_notes_which_runs_a_cancel_ended(
    orchestrator: MemoryOrchestrator,
) -> None:
    for run_id in ("run", "done"):
        orchestrator.trigger_dag_run("dag_reco", run_id, {})
    orchestrator.finish("dag_reco", "run", OrchestratorRunState.RUNNING)
    orchestrator.finish("dag_reco", "done", OrchestratorRunState.SUCCESS)
    for run_id in ("run", "run", "done"):
        orchestrator.cancel_dag_run("dag_reco", run_id)
    assert orchestrator.cancelled == [("dag_reco", "run")]


def test_memory_orchestrator_fails_in_one_operation(orchestrator: MemoryOrchestrator) -> None:
    orchestrator.fail_with["list_dag_runs"] = UpstreamError("Airflow failed.")
    with pytest.raises(UpstreamError):
        orchestrator.list_dag_runs([KEY])
    assert orchestrator.list_task_instances([KEY]) == []
