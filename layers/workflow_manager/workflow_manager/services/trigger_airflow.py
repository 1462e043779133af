"""Turn an object in the data lake, or the message that a run waits, into one DAG run."""

from dataclasses import dataclass
from datetime import datetime

from workflow_manager.domain.data_lake import (
    AcquisitionData,
    DagData,
    ObjectVersion,
    explain_misfit,
    parse_key,
)
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import NotFoundError
from workflow_manager.domain.rejected_object import BRING_IN_AGAIN
from workflow_manager.ports import Ports
from workflow_manager.services.receive_acquisition import receive_acquisition
from workflow_manager.services.receive_dag_data import receive_dag_data
from workflow_manager.services.reject_object import reject_object
from workflow_manager.services.start_dag_run import start_dag_run


@dataclass(frozen=True)
class ObjectCreated:
    """An object has come into the data lake.

    Parameters
    ----------
    data
        The object version.
    at
        When, as S3 tells; None if it does not.
    """

    data: ObjectVersion
    at: datetime | None = None


@dataclass(frozen=True)
class StartDagRun:
    """A run waits to be started."""

    dag_run_id: str


def trigger_airflow(ports: Ports, command: ObjectCreated | StartDagRun, cause: Cause) -> None:
    """Do what a message asks for; a message that comes again changes nothing.

    Parameters
    ----------
    ports
        The outside world, on behalf of the service account.
    command
        The message.
    cause
        Who and when.
    """
    if isinstance(command, StartDagRun):
        start_dag_run(ports, command.dag_run_id, cause)
        return
    if reason := explain_misfit(command.data):
        reject_object(ports, command.data, reason, cause)
        return
    match parse_key(command.data.key):
        case DagData(dag_id):
            dag_run_id = receive_dag_data(ports, dag_id, command.data, cause)
            start_dag_run(ports, dag_run_id, cause, command.at)
        case AcquisitionData() as target:
            _receive_acquisition(ports, target, command.data, cause)


def _receive_acquisition(
    ports: Ports, target: AcquisitionData, data: ObjectVersion, cause: Cause
) -> None:
    try:
        receive_acquisition(ports, target, data, cause)
    except NotFoundError as error:
        reject_object(ports, data, f"{error.detail} {BRING_IN_AGAIN}", cause)
