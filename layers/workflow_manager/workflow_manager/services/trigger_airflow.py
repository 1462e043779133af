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
from workflow_manager.ports import (
    Clock,
    DataLake,
    ExamClient,
    MessageQueue,
    Orchestrator,
    WorkflowStore,
)
from workflow_manager.settings import Settings
from workflow_manager.steps.runs.look_ahead import look_ahead
from workflow_manager.steps.runs.receive_dag_data import receive_dag_data
from workflow_manager.steps.runs.start_dag_run import start_dag_run
from workflow_manager.steps.scans.receive_acquisition import receive_acquisition
from workflow_manager.steps.uploads.reject_object import reject_object


@dataclass(frozen=True)
class ObjectCreated:
    """A message: an object has come into the data lake.

    Parameters
    ----------
    at
        The time that S3 tells; None if it tells none.
    """

    data: ObjectVersion
    at: datetime | None = None


@dataclass(frozen=True)
class StartDagRun:
    """A message: start a run that waits."""

    dag_run_id: str


def trigger_airflow(
    store: WorkflowStore,
    lake: DataLake,
    queue: MessageQueue,
    orchestrator: Orchestrator,
    exam: ExamClient,
    clock: Clock,
    settings: Settings,
    command: ObjectCreated | StartDagRun,
    cause: Cause,
) -> None:
    """Do what a message asks for; a message that comes again changes nothing."""
    if isinstance(command, StartDagRun):
        start_dag_run(
            store, lake, queue, orchestrator, exam, clock, settings, command.dag_run_id, cause
        )
        return
    if reason := explain_misfit(command.data):
        reject_object(store, command.data, reason, cause)
        return
    match parse_key(command.data.key):
        case DagData(dag_id):
            # The first that is used is made at the function's start.
            _ = store.commit
            with look_ahead(lake, orchestrator, dag_id, [command.data]) as ahead:
                dag_run_id, created = receive_dag_data(store, settings, dag_id, command.data, cause)
                start_dag_run(
                    store,
                    lake,
                    queue,
                    orchestrator,
                    exam,
                    clock,
                    settings,
                    dag_run_id,
                    cause,
                    command.at,
                    created,
                    ahead,
                )
        case AcquisitionData() as target:
            _receive_acquisition(store, queue, exam, settings, target, command, cause)


def _receive_acquisition(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    settings: Settings,
    target: AcquisitionData,
    created: ObjectCreated,
    cause: Cause,
) -> None:
    data = created.data
    try:
        receive_acquisition(store, queue, exam, settings, target, data, cause, created.at)
    except NotFoundError as error:
        reject_object(store, data, f"{error.detail} {BRING_IN_AGAIN}", cause)
