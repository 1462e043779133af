"""The `Orchestrator` of a deployment without one."""

from workflow_manager.domain.errors import NotFoundError
from workflow_manager.ports import Dag


class NoOrchestrator:
    """Knows no DAG and is never unwell; `Settings.has_orchestrator` tells it from an empty one."""

    def list_dags(self) -> list[Dag]:
        """Return nothing."""
        return []

    def get_dag(self, dag_id: str) -> Dag | None:
        """Return None."""
        return None

    def trigger_dag_run(self, dag_id: str, dag_run_id: str, conf: dict[str, str | None]) -> None:
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

    def check_health(self) -> None:
        """Return: what is not there is not missed."""
