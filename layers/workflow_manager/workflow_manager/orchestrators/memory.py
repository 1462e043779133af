"""The `Orchestrator` in memory."""

import re
from collections.abc import Iterable

from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    UpstreamError,
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
    outage
        What every call raises while it is set.
    """

    def __init__(self, dags: Iterable[Dag] = ()) -> None:
        self.dags = {dag.dag_id: dag for dag in dags}
        self.dag_runs: dict[tuple[str, str], dict[str, str | None]] = {}
        self.outage: UpstreamError | None = None

    def list_dags(self) -> list[Dag]:
        """Return all DAGs."""
        self.check_health()
        return [self.dags[dag_id] for dag_id in sorted(self.dags)]

    def get_dag(self, dag_id: str) -> Dag | None:
        """Return a DAG, or None if Airflow does not know it."""
        self.check_health()
        return self.dags.get(dag_id)

    def trigger_dag_run(self, dag_id: str, dag_run_id: str, conf: dict[str, str | None]) -> None:
        """Create a run.

        Raises
        ------
        ConflictError
            There is such a run.
        NotFoundError
            There is no such DAG.
        InvalidInputError
            The run id holds other characters than Airflow takes.
        """
        self.check_health()
        if dag_id not in self.dags:
            raise NotFoundError(f"Airflow does not know {dag_id}.")
        if not _DAG_RUN_ID.fullmatch(dag_run_id):
            raise InvalidInputError("Airflow does not take these parameters.")
        if (dag_id, dag_run_id) in self.dag_runs:
            raise ConflictError("Airflow says that such a DAG run exists.")
        self.dag_runs[dag_id, dag_run_id] = dict(conf)

    def has_dag_run(self, dag_id: str, dag_run_id: str) -> bool:
        """Tell whether Airflow knows the run."""
        self.check_health()
        return (dag_id, dag_run_id) in self.dag_runs

    def check_health(self) -> None:
        """Return if Airflow would start runs; raise an `UpstreamError` if not."""
        if self.outage:
            raise self.outage
