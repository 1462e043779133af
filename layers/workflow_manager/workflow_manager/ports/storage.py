"""Where state and data live."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.data_lake import ObjectStart, ObjectVersion
from workflow_manager.domain.device import DeviceLock
from workflow_manager.domain.entity import Entity, Event
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.listing import ListQuery, Page
from workflow_manager.domain.rejected_object import RejectedObject
from workflow_manager.domain.system_status import SystemStatus
from workflow_manager.domain.task import Task
from workflow_manager.domain.trace import TraceContext
from workflow_manager.domain.upload import Part, Upload
from workflow_manager.domain.workflow import Workflow


class WorkflowStore(Protocol):
    """Where state lives. Reads are consistent; writes are conditional on the version read."""

    def get_workflow(self, workflow_id: str) -> Workflow | None:
        """Return a workflow without its tasks, or None if it was never processed."""

    def get_execution(self, workflow_id: str) -> Execution | None:
        """Return a workflow with its tasks, or None if it was never processed."""

    def get_execution_at_once(self, workflow_id: str) -> Execution | None:
        """Return a workflow with its tasks in one read, or None: a task may be older than it."""

    def list_tasks(self, workflow_id: str) -> dict[str, Task]:
        """Return the tasks of a workflow by id, in the order of their definition."""

    def show_tasks(self, workflow: Workflow) -> dict[str, Task]:
        """Return the tasks of a workflow that was just read, likewise, to be shown only.

        They are as new as the workflow, or newer, and may have been read by an earlier request.
        """

    def get_task(self, workflow_id: str, task_id: str) -> Task | None:
        """Return one task of a workflow; None if there is none or its workflow is being deleted."""

    def get_run_and_execution(
        self, dag_run_id: str, workflow_id: str, task_id: str
    ) -> tuple[DagRun | None, Execution | None]:
        """Return a run, and its workflow with its task alone, each or None, in one read.

        The three may be of different moments: only who writes all of them may decide by them.
        """

    def get_dag_run(self, dag_run_id: str) -> DagRun | None:
        """Return a run, or None."""

    def get_dag_runs(self, dag_run_ids: Collection[str]) -> dict[str, DagRun]:
        """Return those runs that are there, by id, in as few reads as can be."""

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

        With `after`, only the events behind the one of that id; with `limit`, at most so many.
        """

    def list_last_events(self, subject: str, limit: int) -> list[Event]:
        """Return the newest lines of an audit trail, oldest first, at most so many."""

    def read_list_mark(self) -> str | None:
        """Return what differs once anything listed has changed; None while it may be changing.

        One small read. A change that could not be marked, or was deleted by hand, is not in it.
        """

    def list_dag_runs(self, query: ListQuery) -> Page[DagRun]:
        """Return a page of the runs, newest first; one created just now may be missing."""

    def list_workflows(self, query: ListQuery) -> Page[Workflow]:
        """Return a page of the workflows, newest first; one created just now may be missing."""

    def list_rejected_objects(self, query: ListQuery) -> Page[RejectedObject]:
        """Return a page of the rejected objects, newest first; the latest one may be missing."""

    def list_uploads(self, owner: str, query: ListQuery) -> Page[Upload]:
        """Return a page of a user's open uploads, newest first; the latest one may be missing."""

    def list_due(self, now: datetime) -> Iterator[DagRun | Task]:
        """Yield runs and scans that the reconciler must look at by now, most overdue first.

        What cannot be read is counted and passed over.
        """

    def list_due_mirrors(self, now: datetime) -> Iterator[Task]:
        """Yield tasks that exam-manager must be told of by now, likewise."""

    def list_active(self, after: str | None, limit: int) -> tuple[list[DagRun | Task], str | None]:
        """Return runs and scans that the reconciler must look at some day, soonest due first.

        It begins behind the cursor `after`; the second value is the cursor for the next call, None
        at the end.
        """

    def take_login_turn(self, now: datetime, until: datetime) -> bool:
        """Take the deployment's one turn to log in until then; False while it is another's."""

    def end_login_turn(self, until: datetime) -> None:
        """Give back the turn that was taken until then; one that is another's by now stays."""

    def list_patient_workflows(self, pseudonym: str) -> list[str]:
        """Return the ids of all workflows of a patient; it reads the whole table."""

    def delete_workflow(self, workflow_id: str) -> int:
        """Delete a workflow, its tasks and its audit trail; return the number of items.

        It is no error if nothing is there, so that an interrupted call can be repeated.
        """

    def delete_dag_run(self, dag_run_id: str) -> int:
        """Delete a run and its own audit trail; return the number of items, 0 if none is there."""

    def delete_upload(self, upload_id: str) -> int:
        """Delete an upload; return the number of items, 0 if it is not there."""

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

    def put(
        self, key: str, body: bytes, content_type: str, trace: TraceContext | None = None
    ) -> ObjectVersion:
        """Store a small object; the trace is its only metadata."""

    def create_multipart_upload(
        self, key: str, content_type: str, trace: TraceContext | None = None
    ) -> str:
        """Begin a multipart upload and return S3's id of it; the object keeps the trace."""

    def presign_part(self, key: str, s3_upload_id: str, part_number: int) -> str:
        """Return a URL that takes one part by PUT for as long as `Settings` says."""

    def list_parts(self, key: str, s3_upload_id: str) -> list[Part] | None:
        """Return the parts present, or None if the upload is not open (any more)."""

    def complete_multipart_upload(
        self,
        key: str,
        s3_upload_id: str,
        parts: Sequence[Part],
        size_bytes: int,
        crc64nvme: str | None = None,
    ) -> ObjectVersion | None:
        """Make one object of the parts; None if the upload is not open (any more).

        Raises
        ------
        ConflictError
            S3 does not hold these parts, one is too small, or the whole has another size or
            checksum; the upload stays open.
        """

    def abort_multipart_upload(self, key: str, s3_upload_id: str) -> None:
        """Delete the parts of an upload; one that is not open (any more) is left alone."""

    def head(self, key: str) -> ObjectVersion | None:
        """Return the newest version of an object, or None."""

    def read_start(self, data: ObjectVersion, n_bytes: int) -> ObjectStart | None:
        """Return the first `n_bytes` of just this version, or all of it; None if it is gone."""

    def list_objects(self, prefix: str, limit: int, after: str = "") -> list[ObjectVersion]:
        """Return what lies below a prefix, by key; without version ids, which S3 does not list.

        It returns at most `limit` objects, and never more than 1000; with `after`, those behind
        that key.
        """

    def presign_download(self, key: str, file_name: str, shown_as: str | None = None) -> str:
        """Return a URL that gives an object by GET for as long as `Settings` says.

        Browsers save it as `file_name`; where `shown_as` names a content type, they show it as
        that.
        """

    def list_versions(self, prefix: str) -> list[ObjectVersion]:
        """Return every version of every object under a prefix, delete markers among them."""

    def list_open_uploads(self, prefix: str) -> list[str]:
        """Return the key of every unfinished multipart upload under a prefix."""

    def delete_prefix(self, prefix: str) -> int:
        """Delete all versions and unfinished uploads below a prefix for good; return how many.

        Raises
        ------
        ValueError
            The prefix does not end in a slash, so other things may lie below it too.
        """
