"""What the use cases need of the outside world. Adapters implement these; tests use fakes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict, JsonValue

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.device import DeviceLock
from workflow_manager.domain.entity import Entity, Event
from workflow_manager.domain.exam import (
    DeviceTask,
    Exam,
    ExamTask,
    ExamWorkflow,
    ItemStatus,
    Patient,
    ResultType,
    TaskType,
    User,
)
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.listing import ListQuery, Page
from workflow_manager.domain.orchestrator_run import OrchestratorRun, RunKey, TaskInstance
from workflow_manager.domain.system_status import SystemStatus
from workflow_manager.domain.task import Task
from workflow_manager.domain.upload import Part, Upload
from workflow_manager.domain.workflow import Workflow
from workflow_manager.settings import Settings


class WorkflowStore(Protocol):
    """Where state lives. Reads are consistent; writes are conditional on the version read."""

    def get_execution(self, workflow_id: str) -> Execution | None:
        """Return a workflow with its tasks, or None if it was never processed."""

    def get_dag_run(self, dag_run_id: str) -> DagRun | None:
        """Return a run, or None."""

    def get_upload(self, upload_id: str) -> Upload | None:
        """Return an upload, or None."""

    def get_device_lock(self, device_id: str) -> DeviceLock:
        """Return the lock of a device; a fresh one before its first scan."""

    def get_system_status(self) -> SystemStatus:
        """Return what the reconciler last noted; a fresh one before its first turn."""

    def list_events(
        self, subject: str, after: str | None = None, limit: int | None = None
    ) -> list[Event]:
        """Return the audit trail of a workflow or stand-alone run, oldest first.

        With `after`, what follows the event of that id; with `limit`, at most so many.
        """

    def get_last_event(self, subject: str) -> Event | None:
        """Return the newest line of an audit trail, or None."""

    def list_dag_runs(self, query: ListQuery) -> Page[DagRun]:
        """Return a page of the runs, newest first; one created just now may be missing."""

    def list_workflows(self, query: ListQuery) -> Page[Workflow]:
        """Return a page of the workflows, newest first; one created just now may be missing."""

    def list_due(self, now: datetime, limit: int) -> list[DagRun | Task]:
        """Return what the reconciler must look at by now, most overdue first."""

    def list_active(self, after: str | None, limit: int) -> tuple[list[DagRun | Task], str | None]:
        """Return what the reconciler must look at some day, in that order.

        Begins behind the cursor `after`; the second value is the next call's, None at the end.
        """

    def delete_workflow(self, workflow_id: str) -> int:
        """Delete a workflow, its tasks and its audit trail; return the number of items.

        Nothing there is no error, so that a call that broke off can be repeated.
        """

    def delete_dag_run(self, dag_run_id: str) -> int:
        """Delete a run and the audit trail of its own, likewise."""

    def delete_upload(self, upload_id: str) -> int:
        """Delete an upload, likewise."""

    def commit(self, entities: Sequence[Entity], events: Sequence[Event] = ()) -> None:
        """Write all or nothing, if every entity is still at the version it was read at.

        Raises
        ------
        VersionConflictError
            Somebody else wrote one of them first.
        """


class DataLake(Protocol):
    """The bucket."""

    @property
    def bucket(self) -> str:
        """Its name."""

    def put(self, key: str, body: bytes, content_type: str) -> ObjectVersion:
        """Store a small object."""

    def create_multipart_upload(self, key: str, content_type: str) -> str:
        """Begin a multipart upload and return S3's id of it."""

    def presign_part(self, key: str, s3_upload_id: str, part_number: int) -> str:
        """Return a URL that takes one part by PUT for as long as `Settings` says."""

    def list_parts(self, key: str, s3_upload_id: str) -> list[Part] | None:
        """Return the parts present, or None if the upload is not open (any more)."""

    def complete_multipart_upload(
        self, key: str, s3_upload_id: str, parts: Sequence[Part]
    ) -> ObjectVersion | None:
        """Make one object of the parts; None if the upload is not open (any more)."""

    def head(self, key: str) -> ObjectVersion | None:
        """Return the newest version of an object, or None."""

    def list_objects(self, prefix: str, limit: int) -> list[ObjectVersion]:
        """Return what lies below a prefix, by key; without version ids, which S3 does not list."""


class Dag(BaseModel):
    """A DAG as clients list it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dag_id: str
    dag_display_name: str
    is_paused: bool = False
    has_import_errors: bool = False
    description: str | None = None
    tags: tuple[str, ...] = ()


class Orchestrator(Protocol):
    """Airflow. Every call may raise an `UpstreamError`."""

    def list_dags(self) -> list[Dag]:
        """Return all DAGs, whatever the page size of the server."""

    def get_dag(self, dag_id: str) -> Dag | None:
        """Return a DAG, or None if Airflow does not know it."""

    def trigger_dag_run(self, dag_id: str, dag_run_id: str, conf: Mapping[str, JsonValue]) -> None:
        """Create a run.

        Raises
        ------
        ConflictError
            Airflow answered that such a run exists; `has_dag_run` tells whether it is ours.
        NotFoundError
            Airflow does not know the DAG.
        InvalidInputError
            Airflow refuses the id or the conf.
        """

    def has_dag_run(self, dag_id: str, dag_run_id: str) -> bool:
        """Tell whether Airflow knows the run."""

    def list_dag_runs(self, runs: Sequence[RunKey]) -> list[OrchestratorRun]:
        """Return what Airflow has of these runs, in a few requests for many.

        One that is missing from the answer may be there all the same (a crowded DAG, a late
        start): `has_dag_run` tells.
        """

    def list_task_instances(self, runs: Sequence[RunKey]) -> list[TaskInstance]:
        """Return the tasks of these runs."""

    def cancel_dag_run(self, dag_id: str, dag_run_id: str) -> None:
        """End a run as failed, after its teardown tasks; one that has ended stays as it is.

        Raises
        ------
        NotFoundError
            Airflow does not know the run, or the DAG.
        InvalidInputError
            The ids are too long for this Airflow.
        """

    def dag_run_url(self, dag_id: str, dag_run_id: str) -> str | None:
        """Return where people see the run in Airflow's own pages, or None if that is unknown."""

    def check_health(self) -> None:
        """Return if Airflow would start runs; raise an `UpstreamError` if not."""


class RunQueue(Protocol):
    """The queue that `trigger_airflow` serves."""

    def send_start(self, dag_run_id: str) -> None:
        """Ask for a pending run to be started."""

    def send_simulation_step(self, dag_run_id: str, step: int, delay_s: int) -> None:
        """Ask for a step of a simulated run, `delay_s` from now [s]."""


class ExamClient(Protocol):
    """Exam-manager, on behalf of the caller or of the service account."""

    def get_workflow(
        self, workflow_id: str, detail: str = "Failed to fetch workflow data"
    ) -> ExamWorkflow:
        """Return a workflow with its tasks; `detail` is ScanHub's text where that fails."""

    def get_task(self, task_id: str) -> ExamTask:
        """Return a task."""

    def get_exam(self, exam_id: str) -> Exam:
        """Return an exam."""

    def report_task(
        self,
        task_id: str,
        status: ItemStatus,
        progress: int,
        comment: str | None = None,
        stale_comment: str | None = None,
    ) -> None:
        """Change status, progress and comment of a task and leave the rest as it is there.

        Without a new `comment`, the old one stays, unless it is `stale_comment`.
        """

    def create_result(
        self, task_id: str, result_type: ResultType, directory: str, filename: str
    ) -> None:
        """Add a result to a task."""


class ScanClient(Protocol):
    """Patient-, sequence- and device-manager and the devices: what starting a scan takes."""

    def get_patient(self, patient_id: str) -> Patient:
        """Return a patient."""

    def get_sequence(self, sequence_id: str) -> str:
        """Return a sequence document as JSON text."""

    def get_device_status(self, device_id: str) -> str:
        """Return how device-manager sees a device: ready, scanning, offline, disconnected."""

    def start(self, task_type: TaskType, device_task: DeviceTask) -> None:
        """Send a start exactly once: never repeated, whatever happens.

        Raises
        ------
        UpstreamRefusedError
            The device, or device-manager for it, said no: nothing was started.
        UpstreamUnreachableError
            Nothing was sent.
        UpstreamError
            Anything else: whether the scan started is unknown.
        """


class UserClient(Protocol):
    """User-login-manager."""

    def get_current_user(self, token: str) -> User | None:
        """Return whose token it is, or None if it is refused."""


class Ports(Protocol):
    """All of the outside world, each part built when first used."""

    def now(self) -> datetime:
        """Return the time, UTC."""

    @property
    def settings(self) -> Settings:
        """The deployment's settings."""

    @property
    def store(self) -> WorkflowStore:
        """State."""

    @property
    def lake(self) -> DataLake:
        """Data."""

    @property
    def queue(self) -> RunQueue:
        """Messages to `trigger_airflow`."""

    @property
    def orchestrator(self) -> Orchestrator:
        """Airflow."""

    @property
    def exam(self) -> ExamClient:
        """Exam-manager."""

    @property
    def scan(self) -> ScanClient:
        """What starting a scan takes."""

    @property
    def users(self) -> UserClient:
        """User-login-manager."""
