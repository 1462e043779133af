"""The `WorkflowStore` in memory, with the semantics of the table."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from math import inf
from threading import Lock
from typing import TypeVar

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.device import DeviceLock
from workflow_manager.domain.entity import Entity, Event
from workflow_manager.domain.errors import VersionConflictError
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.listing import Listed, ListQuery, Page, encode_cursor, place_of
from workflow_manager.domain.rejected_object import RejectedObject
from workflow_manager.domain.system_status import SystemStatus
from workflow_manager.domain.task import Task
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.domain.upload import Upload
from workflow_manager.domain.workflow import Workflow
from workflow_manager.settings import Settings
from workflow_manager.stores import items
from workflow_manager.stores.expiry import expiry_of, list_begun, list_renewals, renewed_expiry
from workflow_manager.stores.items import ItemKey

_SETTINGS = Settings()
ListedT = TypeVar("ListedT", DagRun, Workflow, RejectedObject, Upload)


class MemoryStore:
    """State in dictionaries, guarded by one lock; what has expired goes when `expire` is called."""

    def __init__(self) -> None:
        self._expiries: dict[ItemKey, int | None] = {}
        self._lock = Lock()
        self._login_turn: datetime | None = None
        self._n_marks = 0
        self._entities: dict[ItemKey, Entity] = {}
        self._events: dict[ItemKey, Event] = {}

    def get_workflow(self, workflow_id: str) -> Workflow | None:
        """Return a workflow without its tasks, or None if it was never processed."""
        workflow = self._get(items.workflow_key(workflow_id))
        return workflow if isinstance(workflow, Workflow) else None

    def get_execution(self, workflow_id: str) -> Execution | None:
        """Return a workflow with its tasks, or None if it was never processed."""
        with self._lock:
            workflow = self._entities.get(items.workflow_key(workflow_id))
            entities = list(self._entities.values())
        if not isinstance(workflow, Workflow):
            return None
        tasks = (entity for entity in entities if isinstance(entity, Task))
        own = (task for task in tasks if task.workflow_id == workflow_id)
        return Execution(TaskGraph(workflow, items.order_tasks(own)))

    def get_execution_at_once(self, workflow_id: str) -> Execution | None:
        """Return a workflow with its tasks, or None: here, no task is older than it."""
        return self.get_execution(workflow_id)

    def list_tasks(self, workflow_id: str) -> dict[str, Task]:
        """Return the tasks of a workflow by id, in the order of their definition."""
        execution = self.get_execution(workflow_id)
        return dict(execution.graph.tasks) if execution else {}

    def show_tasks(self, workflow: Workflow) -> dict[str, Task]:
        """Return the tasks of a workflow, likewise."""
        return self.list_tasks(workflow.workflow_id)

    def get_task(self, workflow_id: str, task_id: str) -> Task | None:
        """Return one task of a workflow, or None; one whose workflow is being deleted is none."""
        execution = self.get_execution(workflow_id)
        return execution.graph.tasks.get(task_id) if execution else None

    def get_run_and_execution(
        self, dag_run_id: str, workflow_id: str, task_id: str
    ) -> tuple[DagRun | None, Execution | None]:
        """Return a run, and its workflow with its task alone, each or None."""
        workflow, task = self.get_workflow(workflow_id), self.get_task(workflow_id, task_id)
        execution = Execution(TaskGraph(workflow, {task_id: task})) if workflow and task else None
        return self.get_dag_run(dag_run_id), execution

    def get_dag_run(self, dag_run_id: str) -> DagRun | None:
        """Return a run, or None."""
        run = self._get(items.dag_run_key(dag_run_id))
        return run if isinstance(run, DagRun) else None

    def get_dag_runs(self, dag_run_ids: Collection[str]) -> dict[str, DagRun]:
        """Return those runs that are there, by id."""
        found = (self.get_dag_run(each) for each in dag_run_ids)
        return {run.dag_run_id: run for run in found if run is not None}

    def get_upload(self, upload_id: str) -> Upload | None:
        """Return an upload, or None."""
        upload = self._get(items.upload_key(upload_id))
        return upload if isinstance(upload, Upload) else None

    def get_device_lock(self, device_id: str) -> DeviceLock:
        """Return the lock of a device; a fresh one before its first scan."""
        lock = self._get(items.device_key(device_id))
        return lock if isinstance(lock, DeviceLock) else DeviceLock(device_id=device_id)

    def get_system_status(self) -> SystemStatus:
        """Return what the reconciler last noted; a fresh one before its first turn."""
        status = self._get(items.STATUS_KEY)
        return status if isinstance(status, SystemStatus) else SystemStatus()

    def list_events(
        self, subject: str, after: str | None = None, limit: int | None = None
    ) -> list[Event]:
        """Return the audit trail of a workflow or stand-alone run, oldest first."""
        partition = items.event_partition(subject)
        with self._lock:
            events = [event for key, event in self._events.items() if key.pk == partition]
        behind = (event for event in events if after is None or event.event_id > after)
        return sorted(behind, key=lambda event: event.event_id)[:limit]

    def list_last_events(self, subject: str, limit: int) -> list[Event]:
        """Return the newest lines of an audit trail, oldest first, at most so many."""
        return self.list_events(subject)[-limit:]

    def read_list_mark(self) -> str | None:
        """Return what differs once anything listed has changed: here, at once."""
        return str(self._n_marks)

    def list_dag_runs(self, query: ListQuery) -> Page[DagRun]:
        """Return a page of the runs, newest first."""
        return self._list(DagRun, query)

    def list_workflows(self, query: ListQuery) -> Page[Workflow]:
        """Return a page of the workflows, newest first."""
        return self._list(Workflow, query)

    def list_rejected_objects(self, query: ListQuery) -> Page[RejectedObject]:
        """Return a page of the objects that fit nothing, newest first."""
        return self._list(RejectedObject, query)

    def list_uploads(self, owner: str, query: ListQuery) -> Page[Upload]:
        """Return a page of a user's open uploads, newest first."""
        return self._list(Upload, query, lambda each: each.owner == owner and each.is_open)

    def list_due(self, now: datetime) -> Iterator[DagRun | Task]:
        """Yield runs and scans that the reconciler must look at by now, most overdue first."""
        return self._list_due(items.DUE, now)

    def list_due_mirrors(self, now: datetime) -> Iterator[Task]:
        """Yield tasks that exam-manager must be told of by now, most overdue first."""
        due = self._list_due(items.MIRROR_DUE, now)
        return (entity for entity in due if isinstance(entity, Task))

    def list_active(self, after: str | None, limit: int) -> tuple[list[DagRun | Task], str | None]:
        """Return runs and scans that the reconciler must look at some day, in that order."""
        with self._lock:
            entities = list(self._entities.items())
        index = sorted(
            ((items.format_due(entity.due_at), key), entity)
            for key, entity in entities
            if isinstance(entity, DagRun | Task) and entity.due_at is not None
            if items.due_partition(entity) == items.DUE
        )
        start = items.decode_active_cursor(after) if after is not None else None
        behind = [entry for entry in index if start is None or entry[0] > start]
        cursor = items.encode_active_cursor(*behind[limit - 1][0]) if behind[limit:] else None
        return [entity for _, entity in behind[:limit]], cursor

    def take_login_turn(self, now: datetime, until: datetime) -> bool:
        if self._login_turn and self._login_turn > now:
            return False
        self._login_turn = until
        return True

    def end_login_turn(self, until: datetime) -> None:
        if self._login_turn == until:
            self._login_turn = None

    def list_patient_workflows(self, pseudonym: str) -> list[str]:
        """Return the ids of all workflows of a patient."""
        with self._lock:
            workflows = [each for each in self._entities.values() if isinstance(each, Workflow)]
        return [each.workflow_id for each in workflows if each.patient_pseudonym == pseudonym]

    def delete_workflow(self, workflow_id: str) -> int:
        """Delete a workflow, its tasks and its audit trail; return the number of items."""
        return self._delete(items.workflow_key(workflow_id).pk)

    def delete_dag_run(self, dag_run_id: str) -> int:
        """Delete a run and the audit trail of its own; return the number of items."""
        return self._delete(items.dag_run_key(dag_run_id).pk)

    def delete_upload(self, upload_id: str) -> int:
        """Delete an upload; return the number of items."""
        return self._delete(items.upload_key(upload_id).pk)

    def commit(self, entities: Sequence[Entity], events: Sequence[Event] = ()) -> None:
        """Write all or nothing, if every entity is still at the version it was read at.

        Raises
        ------
        VersionConflictError
            Somebody else wrote one of them first.
        InvalidInputError
            There are more than 100 items.
        """
        items.check_batch(entities, events)
        with self._lock:
            begun = list_begun(entities)
            is_stale = any(entity.version != self._version(entity, begun) for entity in entities)
            if is_stale or any(items.event_key(event) in self._events for event in events):
                raise VersionConflictError("Somebody else changed it at the same time.")
            for workflow_id, at in list_renewals(entities).items():
                self._renew(workflow_id, at)
            for entity in entities:
                key = items.entity_key(entity)
                self._entities[key] = entity.evolve(version=entity.version + 1)
                self._expiries[key] = expiry_of(entity, _SETTINGS)
            self._n_marks += any(isinstance(entity, Listed) for entity in entities)
            self._events |= {items.event_key(event): event for event in events}

    def expire(self, at: datetime) -> None:
        """Delete what has expired, as DynamoDB does some time."""
        with self._lock:
            kept = {
                key for key, expiry in self._expiries.items() if (expiry or inf) > at.timestamp()
            }
            self._entities = {k: v for k, v in self._entities.items() if k in kept}

    def _renew(self, workflow_id: str, at: datetime) -> None:
        head = items.workflow_key(workflow_id)
        for key in [key for key in self._entities if key.pk == head.pk]:
            fresh = renewed_expiry(self._expiries[key], at, _SETTINGS, is_task=key != head)
            self._expiries[key] = fresh or self._expiries[key]

    def _list_due(self, partition: str, now: datetime) -> Iterator[DagRun | Task]:
        with self._lock:
            entities = list(self._entities.values())
        due = [
            (entity.due_at, entity)
            for entity in entities
            if isinstance(entity, DagRun | Task) and entity.due_at is not None
            if items.due_partition(entity) == partition
        ]
        overdue = sorted((pair for pair in due if pair[0] <= now), key=lambda pair: pair[0])
        return iter([entity for _, entity in overdue])

    def _get(self, key: ItemKey) -> Entity | None:
        with self._lock:
            return self._entities.get(key)

    def _list(
        self,
        model: type[ListedT],
        query: ListQuery,
        is_wanted: Callable[[ListedT], bool] = lambda _: True,
    ) -> Page[ListedT]:
        with self._lock:
            entities = [entity for entity in self._entities.values() if isinstance(entity, model)]
        wanted = (each for each in entities if query.accepts(each) and is_wanted(each))
        places = {place_of(entity): entity for entity in wanted}
        below = sorted((p for p in places if query.lowest <= p < query.before), reverse=True)
        page = below[: query.limit]
        cursor = encode_cursor(page[-1]) if below[query.limit :] else None
        return Page([places[place] for place in page], cursor)

    def _delete(self, partition: str) -> int:
        with self._lock:
            n_before = len(self._entities) + len(self._events)
            self._entities = {k: v for k, v in self._entities.items() if k.pk != partition}
            self._events = {k: v for k, v in self._events.items() if k.pk != partition}
            return n_before - len(self._entities) - len(self._events)

    def _version(self, entity: Entity, begun: Collection[str]) -> int:
        if isinstance(entity, Task) and entity.version == 0 and entity.workflow_id in begun:
            return 0
        stored = self._entities.get(items.entity_key(entity))
        return stored.version if stored else 0
