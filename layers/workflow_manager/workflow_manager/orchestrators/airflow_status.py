"""What the statuses of Airflow's REST API mean, in every version."""

from http import HTTPStatus

from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    MissingPermissionError,
    NotFoundError,
    UpstreamRefusedError,
)
from workflow_manager.missing_permission import note_missing_permission


def check_permission(status: int, method: str, path: str) -> None:
    """Raise if Airflow has let our account in, and does not let it do this.

    Parameters
    ----------
    status
        HTTP status of the answer.
    method, path
        The request.

    Raises
    ------
    MissingPermissionError
        The account lacks a role.
    """
    if status != HTTPStatus.FORBIDDEN:
        return
    # The kind of thing, as Airflow's roles name it; never its ids.
    run_or_dag = "DAG run" if "/dagRuns" in path else "DAG"
    task = "task log" if "/logs/" in path else "task instance"
    resource_type = task if "/taskInstances" in path else run_or_dag
    note_missing_permission("Airflow", method, resource_type)
    raise MissingPermissionError


def check_success(status: int) -> None:
    """Raise unless the answer is a success, where nothing depends on what the caller asked.

    Raises
    ------
    UpstreamRefusedError
        It is not; a 404 then means another version, or another service, at this address.
    """
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise UpstreamRefusedError("Airflow failed.", status)


def check_status(status: int, subject: str = "this path") -> None:
    """Raise what an error status means; Airflow's own text may quote the conf, and stays out.

    Parameters
    ----------
    status
        HTTP status of the answer.
    subject
        What was asked about.
    """
    match status:
        case HTTPStatus.CONFLICT:
            raise ConflictError("Airflow says that such a DAG run exists.")
        case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
            raise InvalidInputError("Airflow does not take these parameters.")
    check_found(status, subject)


def check_found(status: int, subject: str) -> None:
    """Raise `NotFoundError` for a 404, and `UpstreamError` for every other error status.

    Parameters
    ----------
    status
        HTTP status of the answer.
    subject
        What was asked about.
    """
    if status == HTTPStatus.NOT_FOUND:
        raise NotFoundError(f"Airflow does not know {subject}.")
    check_success(status)
