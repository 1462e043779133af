import pytest

from workflow_manager.domain.errors import NotFoundError
from workflow_manager.orchestrators.absent import NoOrchestrator


def test_no_orchestrator_knows_nothing_and_is_well() -> None:
    orchestrator = NoOrchestrator()
    orchestrator.check_health()
    assert orchestrator.list_dags() == []
    assert orchestrator.get_dag("dag") is None
    assert not orchestrator.has_dag_run("dag", "run")


def test_no_orchestrator_refuses_to_start_a_run() -> None:
    with pytest.raises(NotFoundError):
        NoOrchestrator().trigger_dag_run("dag", "run", {})
