"""The `WorkflowStore` in memory, with the semantics of the table."""

from collections.abc import Sequence
from datetime import datetime
from threading import Lock

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.device import DeviceLock
from workflow_manager.domain.entity import Entity, Event
from workflow_manager.domain.errors import VersionConflictError
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.system_status import SystemStatus
from workflow_manager.domain.task import Task
from workflow_manager.domain.upload import Upload
from workflow_manager.domain.workflow import Workflow
from workflow_manager.stores import items
from workflow_manager.stores.items import ItemKey


class MemoryStore:
    """State in dictionaries, guarded by one lock. Nothing expires."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entities: dict[ItemKey, Entity] = {}
        self._events: dict[ItemKey, Event] = {}

    def get_execution(self, workflow_id: str) -> Execution | None:
        """Return a workflow with its tasks, or None if it was never processed."""
        with self._lock:
            workflow = self._entities.get(items.workflow_key(workflow_id))
            entities = list(self._entities.values())
        if not isinstance(workflow, Workflow):
            return None
        tasks = (entity for entity in entities if isinstance(entity, Task))
        own = (task for task in tasks if task.workflow_id == workflow_id)
        return Execution(workflow=workflow, tasks=items.order_tasks(own))

    def get_dag_run(self, dag_run_id: str) -> DagRun | None:
        """Return a run, or None."""
        run = self._get(items.dag_run_key(dag_run_id))
        return run if isinstance(run, DagRun) else None

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

    def list_events(self, subject: str) -> list[Event]:
        """Return the audit trail of a workflow or stand-alone run, oldest first."""
        partition = items.event_partition(subject)
        with self._lock:
            events = [event for key, event in self._events.items() if key.pk == partition]
        return sorted(events, key=lambda event: event.event_id)

    def list_due(self, now: datetime, limit: int) -> list[DagRun | Task]:
        """Return what the reconciler must look at by now, most overdue first."""
        with self._lock:
            entities = list(self._entities.values())
        due = [
            (entity.due_at, entity)
            for entity in entities
            if isinstance(entity, DagRun | Task) and entity.due_at is not None
        ]
        overdue = sorted((pair for pair in due if pair[0] <= now), key=lambda pair: pair[0])
        return [entity for _, entity in overdue[:limit]]

    def list_active(self, after: str | None, limit: int) -> tuple[list[DagRun | Task], str | None]:
        """Return what is in the index, from behind the cursor, and the cursor for the next call."""
        with self._lock:
            entities = list(self._entities.items())
        active = {
            f"{items.format_due(entity.due_at)}#{key.pk}#{key.sk}": entity
            for key, entity in entities
            if isinstance(entity, DagRun | Task) and entity.due_at is not None
        }
        names = [name for name in sorted(active) if after is None or name > after]
        cursor = names[limit - 1] if len(names) > limit else None
        return [active[name] for name in names[:limit]], cursor

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
            is_stale = any(entity.version != self._version(entity) for entity in entities)
            if is_stale or any(items.event_key(event) in self._events for event in events):
                raise VersionConflictError("Somebody else changed it at the same time.")
            for entity in entities:
                written = entity.evolve(version=entity.version + 1)
                self._entities[items.entity_key(entity)] = written
            self._events |= {items.event_key(event): event for event in events}

    def delete_workflow(self, workflow_id: str) -> int:
        """Delete a workflow, its tasks and its audit trail; return how many items that were."""
        return self._delete_partition(items.workflow_key(workflow_id).pk)

    def delete_dag_run(self, dag_run_id: str) -> int:
        """Delete a run and its audit trail; return how many items that were."""
        return self._delete_partition(items.dag_run_key(dag_run_id).pk)

    def delete_upload(self, upload_id: str) -> int:
        """Delete the item of an upload; return how many items that were."""
        return self._delete_partition(items.upload_key(upload_id).pk)

    def _delete_partition(self, pk: str) -> int:
        with self._lock:
            entities = [key for key in self._entities if key.pk == pk]
            events = [key for key in self._events if key.pk == pk]
            for key in entities:
                del self._entities[key]
            for key in events:
                del self._events[key]
        return len(entities) + len(events)

    def _get(self, key: ItemKey) -> Entity | None:
        with self._lock:
            return self._entities.get(key)

    def _version(self, entity: Entity) -> int:
        stored = self._entities.get(items.entity_key(entity))
        return stored.version if stored else 0
