"""List the DAGs that tasks can name."""

from workflow_manager.ports import Dag, Ports


def list_available_tasks(ports: Ports) -> list[Dag]:
    """Return all DAGs of Airflow, paused and broken ones marked.

    Parameters
    ----------
    ports
        The outside world.
    """
    return ports.orchestrator.list_dags()
