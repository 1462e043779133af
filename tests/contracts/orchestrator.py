"""What every `Orchestrator` must do; runs on fakes and on a real Airflow alike."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pydantic import JsonValue

from workflow_manager.domain.errors import ConflictError, InvalidInputError, NotFoundError
from workflow_manager.domain.orchestrator_run import OrchestratorRunState, RunKey
from workflow_manager.ports import Orchestrator

# As long as our own: with a DAG id of 29 characters it just fits into a path on MWAA.
RUN_ID_LENGTH = 20
START_TIMEOUT_S = 60


@dataclass(frozen=True)
class Lasting:
    """A DAG and a conf with which a run goes on until it is cancelled, or for some seconds."""

    dag_id: str
    conf: Mapping[str, JsonValue] = field(default_factory=dict)


def make_key(dag_id: str, dag_run_id: str | None = None) -> RunKey:
    dag_run_id = dag_run_id or uuid4().hex[:RUN_ID_LENGTH]
    return RunKey(dag_id=dag_id, dag_run_id=dag_run_id, created_at=datetime.now(UTC))


def trigger(
    orchestrator: Orchestrator, dag_id: str, conf: Mapping[str, JsonValue] | None = None
) -> RunKey:
    """Create a run and return its key."""
    key = make_key(dag_id)
    orchestrator.trigger_dag_run(dag_id, key.dag_run_id, conf or {})
    return key


def start(orchestrator: Orchestrator, lasting: Lasting) -> RunKey:
    """Create a run and return its key once its task has begun.

    A run that the scheduler is just starting overlooks what it is told.
    """
    key = trigger(orchestrator, lasting.dag_id, lasting.conf)
    deadline = time.monotonic() + START_TIMEOUT_S
    while not orchestrator.list_task_instances([key])[0].started_at:
        assert time.monotonic() < deadline, "The run did not start."
        time.sleep(0.3)
    return key


class OrchestratorContract:
    """Subclasses give fixtures `orchestrator`, `dag_id`, a DAG that may be triggered, `lasting`."""

    @pytest.fixture
    def lasting(self, dag_id: str) -> Lasting:
        return Lasting(dag_id)

    @pytest.fixture
    def lasting_run(self, orchestrator: Orchestrator, lasting: Lasting) -> RunKey:
        return trigger(orchestrator, lasting.dag_id, lasting.conf)

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

    def test_trigger_dag_run_tells_the_dags_version_as_the_list_does(
        self, orchestrator: Orchestrator, dag_id: str
    ) -> None:
        key = make_key(dag_id)
        version = orchestrator.trigger_dag_run(dag_id, key.dag_run_id, {})
        [run] = orchestrator.list_dag_runs([key])
        assert run.dag_version == version

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

    def test_trigger_dag_run_takes_lists_and_objects_in_the_conf(
        self, orchestrator: Orchestrator, dag_id: str
    ) -> None:
        key = trigger(orchestrator, dag_id, {"inputs": [{"key": "a/b", "version_id": None}]})
        assert orchestrator.has_dag_run(dag_id, key.dag_run_id)

    def test_lists_of_nothing_are_empty(self, orchestrator: Orchestrator) -> None:
        assert orchestrator.list_dag_runs([]) == []
        assert orchestrator.list_task_instances([]) == []

    def test_list_dag_runs_finds_a_run_that_waited_a_day_for_its_start(
        self, orchestrator: Orchestrator, dag_id: str
    ) -> None:
        key = trigger(orchestrator, dag_id)
        old = key.model_copy(update={"created_at": key.created_at - timedelta(days=1)})
        [run] = orchestrator.list_dag_runs([old])
        assert (run.dag_id, run.dag_run_id) == (dag_id, key.dag_run_id)
        assert (run.ended_at is not None) is run.state.is_final

    def test_lists_leave_out_what_was_not_asked_for_and_what_is_not_there(
        self, orchestrator: Orchestrator, dag_id: str
    ) -> None:
        trigger(orchestrator, dag_id)
        key = trigger(orchestrator, dag_id)
        asked = [make_key(dag_id), key, make_key("no_such_dag", key.dag_run_id)]
        assert [run.dag_run_id for run in orchestrator.list_dag_runs(asked)] == [key.dag_run_id]
        tasks = orchestrator.list_task_instances(asked)
        assert [task.dag_run_id for task in tasks] == [key.dag_run_id]
        assert orchestrator.list_task_instances([make_key("no_such_dag")]) == []

    def test_list_task_instances_returns_the_tasks_of_a_run(
        self, orchestrator: Orchestrator, dag_id: str
    ) -> None:
        key = trigger(orchestrator, dag_id)
        [task] = orchestrator.list_task_instances([key])
        assert (task.dag_run_id, bool(task.task_id)) == (key.dag_run_id, True)
        assert (task.ended_at is not None) is task.is_done

    def test_task_that_has_not_failed_has_no_exception(
        self, orchestrator: Orchestrator, dag_id: str
    ) -> None:
        key = trigger(orchestrator, dag_id)
        [task] = orchestrator.list_task_instances([key])
        assert orchestrator.find_exception_type(dag_id, task) is None

    def test_cancel_dag_run_ends_the_run_and_its_tasks(
        self, orchestrator: Orchestrator, lasting_run: RunKey
    ) -> None:
        [run] = orchestrator.list_dag_runs([lasting_run])
        assert not run.state.is_final
        orchestrator.cancel_dag_run(run.dag_id, run.dag_run_id)
        [run] = orchestrator.list_dag_runs([lasting_run])
        assert run.state is OrchestratorRunState.FAILED
        assert run.ended_at is not None
        tasks = orchestrator.list_task_instances([lasting_run])
        assert tasks and all(task.is_done and task.ended_at for task in tasks)

    def test_cancel_dag_run_changes_nothing_the_second_time(
        self, orchestrator: Orchestrator, lasting_run: RunKey
    ) -> None:
        orchestrator.cancel_dag_run(lasting_run.dag_id, lasting_run.dag_run_id)
        before = orchestrator.list_dag_runs([lasting_run])
        orchestrator.cancel_dag_run(lasting_run.dag_id, lasting_run.dag_run_id)
        assert orchestrator.list_dag_runs([lasting_run]) == before

    def test_cancel_dag_run_refuses_what_is_not_there(
        self, orchestrator: Orchestrator, lasting: Lasting
    ) -> None:
        for dag_id in (lasting.dag_id, "no_such_dag"):
            with pytest.raises(NotFoundError):
                orchestrator.cancel_dag_run(dag_id, make_key(dag_id).dag_run_id)

    def test_dag_run_url_names_the_run_or_is_unknown(
        self, orchestrator: Orchestrator, dag_id: str
    ) -> None:
        url = orchestrator.dag_run_url(dag_id, "run-1")
        assert url is None or (url.startswith("http") and dag_id in url and "run-1" in url)

    def test_check_health_passes_when_healthy(self, orchestrator: Orchestrator) -> None:
        orchestrator.check_health()


class RunningOrchestratorContract(OrchestratorContract):
    """The contract of an Airflow that carries its runs out."""

    @pytest.fixture
    def lasting_run(self, orchestrator: Orchestrator, lasting: Lasting) -> RunKey:
        return start(orchestrator, lasting)
