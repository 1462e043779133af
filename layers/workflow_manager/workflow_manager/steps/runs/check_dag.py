"""Check before data is sent that a DAG would take it."""

from workflow_manager.domain.data_lake import check_dag_id
from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    UpstreamError,
)
from workflow_manager.observability import logger
from workflow_manager.ports import Dag, Orchestrator


def check_dag(orchestrator: Orchestrator, dag_id: str) -> None:
    """Check that the DAG is known and not paused; pass if Airflow does not answer.

    An Airflow that is down is no reason to refuse data: the run waits for it.

    Raises
    ------
    InvalidInputError
        Airflow would refuse the id.
    NotFoundError
        Airflow does not know the DAG.
    ConflictError
        The DAG is paused, or has import errors.
    """
    try:
        require_dag(orchestrator, dag_id)
    except UpstreamError as error:
        logger.warning("DAG not checked", extra={"dag_id": dag_id, "reason": error.detail})


def require_dag(orchestrator: Orchestrator, dag_id: str) -> Dag:
    """Return the DAG if Airflow knows it and would run it.

    Raises
    ------
    InvalidInputError
        Airflow would refuse the id.
    NotFoundError
        Airflow does not know the DAG.
    ConflictError
        The DAG is paused, or has import errors.
    UpstreamError
        Airflow does not answer.
    """
    check_dag_id(dag_id)
    dag = orchestrator.get_dag(dag_id)
    if dag is None:
        raise NotFoundError(f"Airflow does not know the DAG {dag_id}.")
    if dag.is_paused:
        raise ConflictError(f"The DAG {dag_id} is paused: unpause it in Airflow first.")
    if dag.has_import_errors:
        raise ConflictError(f"The DAG {dag_id} has import errors in Airflow: mend it first.")
    return dag


def require_data(dag: Dag, n_inputs: int) -> None:
    """Return if a run has data, or its DAG needs none: then no tag names a format.

    Raises
    ------
    InvalidInputError
        The DAG works on data, and there is none.
    """
    if dag.accepts and n_inputs == 0:
        accepted = " or ".join(dag.accepts)
        raise InvalidInputError(f"The DAG {dag.dag_id} works on {accepted}; the task has no data.")
