from datetime import UTC, datetime

import pytest

from workflow_manager.domain.errors import NotFoundError
from workflow_manager.domain.orchestrator_run import RunKey
from workflow_manager.orchestrators.absent import NoOrchestrator


def test_no_orchestrator_knows_nothing_and_is_well() -> None:
    orchestrator = NoOrchestrator()
    orchestrator.check_health()
    assert orchestrator.list_dags() == []
    assert orchestrator.get_dag("dag") is None
    assert not orchestrator.has_dag_run("dag", "run")
    key = RunKey(dag_id="dag", dag_run_id="run", created_at=datetime(2026, 11, 24, tzinfo=UTC))
    assert orchestrator.list_dag_runs([key]) == []
    assert orchestrator.list_task_instances([key]) == []
    assert orchestrator.dag_run_url("dag", "run") is None


def test_no_orchestrator_refuses_to_start_a_run() -> None:
    with pytest.raises(NotFoundError):
        NoOrchestrator().trigger_dag_run("dag", "run", {})


def test_no_orchestrator_has_no_run_to_cancel() -> None:
    with pytest.raises(NotFoundError):
        NoOrchestrator().cancel_dag_run("dag", "run")
