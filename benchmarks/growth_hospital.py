"""A hospital of any size, made of numbers: its items, and their places in the table's indexes.

Workflow number k was processed k + 60 s ago: a scan, done, and its reconstruction. Of eleven, one
is under way; the other ten have ended or were never there, so that what is under way is the same in
both. The user has an open upload for each that is under way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from benchmarks.requests_neighbours import Item, make_id
from local.samples import BUCKET
from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Entity
from workflow_manager.domain.exam import ResultType, TaskType
from workflow_manager.domain.listing import format_place
from workflow_manager.domain.result import Result
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.upload import Upload
from workflow_manager.domain.workflow import Workflow, WorkflowStatus
from workflow_manager.settings import Settings
from workflow_manager.stores import items

STRIDE = 11
OWNER, DAG_ID = "operator", "cartesian_reconstruction"
WORKFLOW, SCAN, RECONSTRUCTION, EXAM, DEVICE, RUN, UPLOAD = range(1, 8)
_SETTINGS = Settings(bucket_name=BUCKET)
_TIMEOUT = timedelta(days=2)


class Place(NamedTuple):
    """Where an entry of an index lies in its partition: range key, workflow, kind."""

    at: str
    number: int
    kind: int


class Hospital:
    """The workflows, and what belongs to them.

    Parameters
    ----------
    n_active
        How many are under way.
    has_finished
        Whether there are ten times as many that have ended.
    now
        Its present time; None: ours.
    """

    def __init__(self, n_active: int, has_finished: bool, now: datetime | None = None) -> None:
        self.begun = now or datetime.now(UTC).replace(microsecond=0)
        every = range(n_active * STRIDE)
        self.numbers = [k for k in every if has_finished or is_active(k)]
        self.places: dict[str, list[Place]] = defaultdict(list)
        for k in self.numbers:
            for partition, place in self._list_places(k):
                self.places[partition].append(place)
        for places in self.places.values():
            places.sort()
        self.make_item = lru_cache(30_000)(self._make_item)

    def created_at(self, k: int) -> datetime:
        """Return when workflow number k was processed."""
        return self.begun - timedelta(seconds=60 + k)

    def make_entry(self, partition: str, place: Place) -> Item:
        """Return an entry as its index holds it."""
        k, is_due = place.number, partition == items.DUE
        names = ("due", "due_at") if is_due else ("listed", "listed_at")
        entry = dict(zip(names, ({"S": partition}, {"S": place.at}), strict=True))
        told = {RUN: "state", WORKFLOW: "status", UPLOAD: "state"}[place.kind]
        made = self.make_item(k % STRIDE and 1, place.kind)
        shown = {} if is_due else {n: made[n] for n in (told, "dag_id") if n in made}
        return make_key(k, place.kind) | entry | shown

    def _list_places(self, k: int) -> Iterator[tuple[str, Place]]:
        kinds = {items.WORKFLOWS: WORKFLOW, items.DAG_RUNS: RUN}
        if is_active(k):
            kinds[items.uploads_of(OWNER)] = UPLOAD
            due_at = items.format_due(self.created_at(k) + _TIMEOUT)
            yield items.DUE, Place(due_at, k, RUN)
        for name, kind in kinds.items():
            at = format_place(self.created_at(k), make_id(k, kind))
            yield f"{name}#{at[:7]}", Place(at, k, kind)

    def _make_item(self, k: int, kind: int) -> Item:
        return items.encode_entity(self._make(k, kind), _SETTINGS)

    def _make(self, k: int, kind: int) -> Entity:
        at, ids = self.created_at(k), {"workflow_id": make_id(k, WORKFLOW)}
        data = ObjectVersion(bucket=BUCKET, key=f"raw/{make_id(k, SCAN)}/a.h5", version_id="v1")
        known: dict[str, Any] = {**ids, "version": 9}
        match kind:
            case 1:
                status = WorkflowStatus.RUNNING if is_active(k) else WorkflowStatus.COMPLETED
                times = {"created_at": at, "updated_at": at}
                return Workflow(**known, exam_id=make_id(k, EXAM), status=status, **times)
            case 2 | 3:
                return self._make_task(k, kind, known | {"updated_at": at}, data)
            case 6:
                return self._make_run(k, known, data)
        return Upload(
            upload_id=make_id(k, UPLOAD),
            owner=OWNER,
            file_name="a.h5",
            key=data.key,
            s3_upload_id="s3",
            size_bytes=2**30,
            part_size_bytes=2**24,
            content_type="application/x-hdf5",
            created_at=at,
        )

    def _make_task(self, k: int, kind: int, known: dict[str, Any], data: ObjectVersion) -> Task:
        ended = {"status": TaskStatus.COMPLETED, "progress": 100, "attempt": 1}
        if kind == SCAN:
            return Task(
                **known | ended,
                task_id=make_id(k, SCAN),
                task_type=TaskType.DEVICE_TASK_SDK,
                args={"device_id": make_id(k, DEVICE)},
                data=data,
                defined_at="1",
            )
        at_work = {"status": TaskStatus.IN_PROGRESS, "progress": 33} if is_active(k) else {}
        return Task(
            **known | ended | at_work,
            task_id=make_id(k, RECONSTRUCTION),
            task_type=TaskType.RECONSTRUCTION_TASK,
            destinations={"dag_id": DAG_ID},
            input_task_ids=(make_id(k, SCAN),),
            dag_run_id=make_id(k, RUN),
            defined_at="2",
        )

    def _make_run(self, k: int, known: dict[str, Any], data: ObjectVersion) -> DagRun:
        at, run_id = self.created_at(k), make_id(k, RUN)
        result = Result(type=ResultType.DICOM, key=f"result/{run_id}/image.dcm")
        ended = {"finished_at": at + timedelta(seconds=30), "results": (result,)}
        at_work: dict[str, Any] = {"state": DagRunState.RUNNING, "progress": 33}
        done = {"state": DagRunState.SUCCEEDED, "progress": 100, **ended}
        return DagRun(
            **known | (at_work if is_active(k) else done),
            dag_run_id=run_id,
            dag_id=DAG_ID,
            bucket=BUCKET,
            data=data,
            task_id=make_id(k, RECONSTRUCTION),
            n_start_attempts=1,
            next_attempt_at=at,
            created_at=at,
            started_at=at + timedelta(seconds=2),
            deadline=at + _TIMEOUT,
        )


def is_active(k: int) -> bool:
    """Tell whether workflow number k is under way."""
    return k % STRIDE == 0


def make_key(k: int, kind: int) -> Item:
    """Return the key of an item of workflow number k."""
    id_ = make_id(k, kind)
    key = {
        WORKFLOW: items.workflow_key(id_),
        RUN: items.dag_run_key(id_),
        UPLOAD: items.upload_key(id_),
    }.get(kind) or items.task_key(make_id(k, WORKFLOW), id_)
    return items.encode_key(key)


def read_number(item: Item) -> int:
    """Return which workflow an item or a key belongs to."""
    return int(item["PK"]["S"].partition("#")[2][:8], 16)
