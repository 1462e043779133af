"""List the runs."""

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.listing import ListQuery, Page
from workflow_manager.ports import Ports


def list_dag_runs(ports: Ports, query: ListQuery) -> Page[DagRun]:
    """Return a page of the runs, of workflows and stand-alone ones, newest first.

    Parameters
    ----------
    ports
        The outside world.
    query
        Which ones.
    """
    return ports.store.list_dag_runs(query)
