"""List the DAGs that tasks can name."""

from workflow_manager.domain.errors import (
    MissingPermissionError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
)
from workflow_manager.observability import logger
from workflow_manager.ports import Dag, DagImportError, Orchestrator

# ScanHub's own text.
DETAIL = "Failed to retrieve Airflow DAGs"


def list_available_tasks(orchestrator: Orchestrator) -> tuple[list[Dag], list[DagImportError]]:
    """Return all DAGs of Airflow by id, and the files of which it cannot read any.

    Raises
    ------
    UpstreamError
        Airflow failed; the message names the status that it answered.
    MissingPermissionError
        Airflow, or AWS before it, refuses our account.
    """
    try:
        return orchestrator.list_dags(), _find_import_errors(orchestrator)
    except MissingPermissionError:
        raise
    except UpstreamTimeoutError as error:
        raise UpstreamTimeoutError(DETAIL, "Airflow did not answer in time.") from error
    except UpstreamRefusedError as error:
        raise UpstreamError(DETAIL, f"Airflow answered with status {error.status}.") from error
    except UpstreamError as error:
        raise UpstreamError(DETAIL, error.detail) from error


def _find_import_errors(orchestrator: Orchestrator) -> list[DagImportError]:
    try:
        return orchestrator.list_import_errors()
    except UpstreamError as error:
        # The account's role may not see them, or Airflow is slow: the DAGs are there all the same.
        status = getattr(error, "status", None)
        logger.warning("import errors of DAGs unknown", extra={"status": status})
        return []
