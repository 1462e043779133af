"""List the DAGs that tasks can name."""

from workflow_manager.domain.errors import (
    MissingPermissionError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
)
from workflow_manager.ports import Dag, Orchestrator

# ScanHub's own text.
DETAIL = "Failed to retrieve Airflow DAGs"


def list_available_tasks(orchestrator: Orchestrator) -> list[Dag]:
    """Return all DAGs of Airflow by id; paused and broken ones are marked.

    Raises
    ------
    UpstreamError
        Airflow failed; the message names the status that it answered.
    MissingPermissionError
        Airflow, or AWS before it, refuses our account.
    """
    try:
        return orchestrator.list_dags()
    except MissingPermissionError:
        raise
    except UpstreamTimeoutError as error:
        raise UpstreamTimeoutError(DETAIL, "Airflow did not answer in time.") from error
    except UpstreamRefusedError as error:
        raise UpstreamError(DETAIL, f"Airflow answered with status {error.status}.") from error
    except UpstreamError as error:
        raise UpstreamError(DETAIL, error.detail) from error
