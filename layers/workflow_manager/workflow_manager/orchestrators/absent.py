"""The `Orchestrator` of a deployment without one."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from workflow_manager.domain.errors import NotFoundError
from workflow_manager.domain.orchestrator_run import OrchestratorRun, RunKey, TaskInstance
from workflow_manager.ports import Dag


class NoOrchestrator:
    """Knows no DAG and is never unwell; `Settings.has_orchestrator` tells it from an empty one."""

    def list_dags(self) -> list[Dag]:
        """Return nothing."""
        return []

    def get_dag(self, dag_id: str) -> Dag | None:
        """Return None."""
        return None

    def trigger_dag_run(
        self, dag_id: str, dag_run_id: str, conf: Mapping[str, JsonValue]
    ) -> str | None:
        """Refuse.

        Raises
        ------
        NotFoundError
            Always.
        """
        raise NotFoundError("This deployment has no Airflow.")

    def has_dag_run(self, dag_id: str, dag_run_id: str) -> bool:
        """Return False."""
        return False

    def list_dag_runs(self, runs: Sequence[RunKey]) -> list[OrchestratorRun]:
        """Return nothing."""
        return []

    def list_task_instances(self, runs: Sequence[RunKey]) -> list[TaskInstance]:
        """Return nothing."""
        return []

    def find_exception_type(self, dag_id: str, task: TaskInstance) -> str | None:
        """Return None."""
        return None

    def cancel_dag_run(self, dag_id: str, dag_run_id: str) -> None:
        """Refuse.

        Raises
        ------
        NotFoundError
            Always.
        """
        raise NotFoundError("This deployment has no Airflow.")

    def dag_run_url(self, dag_id: str, dag_run_id: str) -> str | None:
        """Return None."""
        return None

    def check_health(self) -> None:
        """Return: what is not there is not missed."""
