"""Show where a run stands."""

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.errors import NotFoundError
from workflow_manager.ports import Ports


def get_dag_run(ports: Ports, dag_run_id: str) -> DagRun:
    """Return a run.

    Parameters
    ----------
    ports
        The outside world.
    dag_run_id
        The run.

    Raises
    ------
    NotFoundError
        There is none, or its event has not come yet.
    """
    run = ports.store.get_dag_run(dag_run_id)
    if run is None:
        raise NotFoundError("There is no such run, or its event has not arrived yet.")
    return run
