"""What every `Orchestrator` must do; runs on fakes and on a real Airflow alike."""

from uuid import uuid4

import pytest

from workflow_manager.domain.errors import ConflictError, InvalidInputError, NotFoundError
from workflow_manager.ports import Orchestrator


class OrchestratorContract:
    """Subclasses give fixtures `orchestrator` and `dag_id`, a DAG that may be triggered."""

    def test_list_dags_holds_the_dag(self, orchestrator: Orchestrator, dag_id: str) -> None:
        dags = orchestrator.list_dags()
        assert dag_id in [dag.dag_id for dag in dags]
        assert all(dag.dag_display_name for dag in dags)
        assert [dag.dag_id for dag in dags] == sorted({dag.dag_id for dag in dags})

    def test_get_dag_returns_what_the_list_holds(
        self, orchestrator: Orchestrator, dag_id: str
    ) -> None:
        dag = orchestrator.get_dag(dag_id)
        assert dag is not None
        assert dag in orchestrator.list_dags()

    def test_get_dag_returns_none_where_nothing_is(self, orchestrator: Orchestrator) -> None:
        assert orchestrator.get_dag("no_such_dag") is None

    def test_trigger_dag_run_creates_the_run(self, orchestrator: Orchestrator, dag_id: str) -> None:
        dag_run_id = uuid4().hex
        assert not orchestrator.has_dag_run(dag_id, dag_run_id)
        orchestrator.trigger_dag_run(dag_id, dag_run_id, {"key": "a/b", "task_id": None})
        assert orchestrator.has_dag_run(dag_id, dag_run_id)

    def test_trigger_dag_run_conflicts_with_itself(
        self, orchestrator: Orchestrator, dag_id: str
    ) -> None:
        dag_run_id = uuid4().hex
        orchestrator.trigger_dag_run(dag_id, dag_run_id, {})
        with pytest.raises(ConflictError):
            orchestrator.trigger_dag_run(dag_id, dag_run_id, {})

    def test_trigger_dag_run_takes_two_runs_at_once(
        self, orchestrator: Orchestrator, dag_id: str
    ) -> None:
        orchestrator.trigger_dag_run(dag_id, uuid4().hex, {})
        orchestrator.trigger_dag_run(dag_id, uuid4().hex, {})

    def test_trigger_dag_run_refuses_an_unknown_dag(self, orchestrator: Orchestrator) -> None:
        with pytest.raises(NotFoundError):
            orchestrator.trigger_dag_run("no_such_dag", uuid4().hex, {})

    def test_trigger_dag_run_refuses_a_bad_id(
        self, orchestrator: Orchestrator, dag_id: str
    ) -> None:
        with pytest.raises(InvalidInputError):
            orchestrator.trigger_dag_run(dag_id, "no spaces allowed", {})

    def test_has_dag_run_is_false_for_an_unknown_dag(self, orchestrator: Orchestrator) -> None:
        assert not orchestrator.has_dag_run("no_such_dag", "run")

    def test_check_health_passes_when_healthy(self, orchestrator: Orchestrator) -> None:
        orchestrator.check_health()
