"""The `Orchestrator` in memory."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import JsonValue

from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    ScanHubError,
    UpstreamError,
)
from workflow_manager.domain.orchestrator_run import (
    OrchestratorRun,
    OrchestratorRunState,
    RunKey,
    TaskInstance,
)
from workflow_manager.ports import Dag

# Airflow's own rule, [scheduler] allowed_run_id_pattern
_DAG_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]+")


class MemoryOrchestrator:
    """An Airflow that remembers what it was asked to run, and runs nothing.

    Parameters
    ----------
    dags
        The DAGs it knows.

    Attributes
    ----------
    dag_runs
        Conf of every run, by DAG id and run id.
    states
        Runs as they are by now, by the same; the others are queued.
    dag_version
        Of every DAG, for runs that are triggered from now on; None: this Airflow counts none.
    exception_types
        What a failed task ended with, by run id and task id; its log of others tells nothing.
    task_instances
        Tasks of a run, by the same; a run without has one that is not scheduled.
    cancelled
        DAG id and run id of every run that a cancel ended, in order.
    outage
        What every call raises while it is set.
    fail_with
        What one operation raises, by its name.
    """

    def __init__(self, dags: Iterable[Dag] = ()) -> None:
        self.dags = {dag.dag_id: dag for dag in dags}
        self.dag_runs: dict[tuple[str, str], dict[str, Any]] = {}
        self.states: dict[tuple[str, str], OrchestratorRun] = {}
        self.task_instances: dict[tuple[str, str], list[TaskInstance]] = {}
        self.dag_version: str | None = "1"
        self.exception_types: dict[tuple[str, str], str] = {}
        self.versions: dict[tuple[str, str], str | None] = {}
        self.cancelled: list[tuple[str, str]] = []
        self.outage: UpstreamError | None = None
        self.fail_with: dict[str, ScanHubError] = {}

    def list_dags(self) -> list[Dag]:
        """Return all DAGs."""
        self._fail("list_dags")
        return [self.dags[dag_id] for dag_id in sorted(self.dags)]

    def get_dag(self, dag_id: str) -> Dag | None:
        """Return a DAG, or None if Airflow does not know it."""
        self._fail("get_dag")
        return self.dags.get(dag_id)

    def trigger_dag_run(
        self, dag_id: str, dag_run_id: str, conf: Mapping[str, JsonValue]
    ) -> str | None:
        """Create a run, and return the version of its DAG.

        Raises
        ------
        ConflictError
            There is such a run.
        NotFoundError
            There is no such DAG.
        InvalidInputError
            The run id holds other characters than Airflow takes.
        """
        self._fail("trigger_dag_run")
        if dag_id not in self.dags:
            raise NotFoundError(f"Airflow does not know {dag_id}.")
        if not _DAG_RUN_ID.fullmatch(dag_run_id):
            raise InvalidInputError("Airflow does not take these parameters.")
        if (dag_id, dag_run_id) in self.dag_runs:
            raise ConflictError("Airflow says that such a DAG run exists.")
        self.dag_runs[dag_id, dag_run_id] = dict(conf)
        self.versions[dag_id, dag_run_id] = self.dag_version
        return self.dag_version

    def has_dag_run(self, dag_id: str, dag_run_id: str) -> bool:
        """Tell whether Airflow knows the run."""
        self._fail("has_dag_run")
        return (dag_id, dag_run_id) in self.dag_runs

    def list_dag_runs(self, runs: Sequence[RunKey]) -> list[OrchestratorRun]:
        """Return those of these runs that there are."""
        self._fail("list_dag_runs")
        return [self._get_state(*ids) for ids in self._find(runs)]

    def list_task_instances(self, runs: Sequence[RunKey]) -> list[TaskInstance]:
        """Return the tasks of these runs."""
        self._fail("list_task_instances")
        return [task for ids in self._find(runs) for task in self._get_tasks(*ids)]

    def find_exception_type(self, dag_id: str, task: TaskInstance) -> str | None:
        """Return what a failed task ended with, if its log tells."""
        self._fail("find_exception_type")
        return self.exception_types.get((task.dag_run_id, task.task_id))

    def cancel_dag_run(self, dag_id: str, dag_run_id: str) -> None:
        """End a run as failed; one that has ended stays as it is.

        Raises
        ------
        NotFoundError
            There is no such run.
        """
        self._fail("cancel_dag_run")
        if (dag_id, dag_run_id) not in self.dag_runs:
            raise NotFoundError(f"Airflow does not know run {dag_run_id} of {dag_id}.")
        if self._get_state(dag_id, dag_run_id).state.is_final:
            return
        self.cancelled.append((dag_id, dag_run_id))
        now = datetime.now(UTC)
        self.finish(dag_id, dag_run_id, OrchestratorRunState.FAILED, now)
        self.task_instances[dag_id, dag_run_id] = [
            task if task.is_done else task.model_copy(update={"state": "failed", "ended_at": now})
            for task in self._get_tasks(dag_id, dag_run_id)
        ]

    def dag_run_url(self, dag_id: str, dag_run_id: str) -> str | None:
        """Return a URL that leads nowhere."""
        return f"http://airflow.invalid/dags/{dag_id}/runs/{dag_run_id}"

    def check_health(self) -> None:
        """Return if Airflow would start runs; raise an `UpstreamError` if not."""
        self._fail("check_health")

    def finish(
        self,
        dag_id: str,
        dag_run_id: str,
        state: OrchestratorRunState,
        ended_at: datetime | None = None,
    ) -> None:
        """Put a run into a state, as Airflow does without being asked.

        Parameters
        ----------
        dag_id, dag_run_id
            The run.
        state
            Any.
        ended_at
            When it ended, UTC.
        """
        self.states[dag_id, dag_run_id] = OrchestratorRun(
            dag_id=dag_id, dag_run_id=dag_run_id, state=state, ended_at=ended_at
        )

    def _get_state(self, dag_id: str, dag_run_id: str) -> OrchestratorRun:
        ids = (dag_id, dag_run_id)
        queued = OrchestratorRun(
            dag_id=dag_id, dag_run_id=dag_run_id, state=OrchestratorRunState.QUEUED
        )
        version = {"dag_version": self.versions.get(ids)}
        return self.states.get(ids, queued).model_copy(update=version)

    def _get_tasks(self, dag_id: str, dag_run_id: str) -> list[TaskInstance]:
        first = TaskInstance(dag_run_id=dag_run_id, task_id="reconstruct")
        return self.task_instances.get((dag_id, dag_run_id), [first])

    def _find(self, runs: Sequence[RunKey]) -> list[tuple[str, str]]:
        wanted = dict.fromkeys((run.dag_id, run.dag_run_id) for run in runs)
        return [ids for ids in wanted if ids in self.dag_runs]

    def _fail(self, operation: str) -> None:
        if error := self.fail_with.get(operation, self.outage):
            raise error
