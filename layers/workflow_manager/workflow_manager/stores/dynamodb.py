"""The `WorkflowStore` on one DynamoDB table."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.device import DeviceLock
from workflow_manager.domain.entity import Entity, Event
from workflow_manager.domain.errors import StoreUnavailableError, VersionConflictError
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.listing import Listed, ListQuery, Page, encode_cursor
from workflow_manager.domain.rejected_object import RejectedObject
from workflow_manager.domain.system_status import SystemStatus
from workflow_manager.domain.task import Task
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.domain.upload import Upload
from workflow_manager.domain.workflow import Workflow
from workflow_manager.settings import Settings
from workflow_manager.stores import items
from workflow_manager.stores.decoding import decode_entity, encode_entity, is_unknown
from workflow_manager.stores.due_index import (
    read_active,
    read_due,
    read_in_order,
    tell_unreadable,
)
from workflow_manager.stores.expiry import list_begun, list_renewals, renewed_expiry
from workflow_manager.stores.items import Item, ItemKey, ModelT
from workflow_manager.stores.list_mark import ListMark
from workflow_manager.stores.listing_index import find_listed
from workflow_manager.stores.login_turn import put_turn
from workflow_manager.stores.table import Table, put_new, put_over
from workflow_manager.stores.task_memory import TaskMemory

ListedT = TypeVar("ListedT", DagRun, Workflow, RejectedObject, Upload)


class DynamoDBStore:
    """State in DynamoDB.

    Parameters
    ----------
    client
        A boto3 client of ``dynamodb``.
    settings
        Names the table and says how long things are kept.
    clock
        Tells the time [s since 1970].
    """

    def __init__(
        self,
        client: Any,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._memory = TaskMemory()
        self._table = Table(client, settings.table_name)
        self._list_mark = ListMark(self._table, clock)

    def get_workflow(self, workflow_id: str) -> Workflow | None:
        """Return a workflow without its tasks, or None if it was never processed."""
        return self._get(Workflow, items.workflow_key(workflow_id))

    def get_execution(self, workflow_id: str) -> Execution | None:
        """Return a workflow with its tasks, or None if it was never processed."""
        # The workflow is read before its tasks: every commit changes it, so tasks newer than it
        # make the next commit fail. In one query, which is no snapshot, tasks could be older.
        workflow = self.get_workflow(workflow_id)
        if workflow is None:
            return None
        return Execution(TaskGraph(workflow, self.list_tasks(workflow_id)))

    def get_execution_at_once(self, workflow_id: str) -> Execution | None:
        """Return a workflow with its tasks in one read, or None: a task may be older than it."""
        head = items.workflow_key(workflow_id)
        found = list(self._query_tasks_and_head(workflow_id))
        workflow = next((item for item in found if item["SK"]["S"] == head.sk), None)
        if workflow is None:
            return None
        tasks = (item for item in found if item["SK"]["S"].startswith(items.TASK_PREFIX))
        by_id = items.order_tasks(decode_entity(Task, item) for item in tasks)
        return Execution(TaskGraph(decode_entity(Workflow, workflow), by_id))

    def list_tasks(self, workflow_id: str) -> dict[str, Task]:
        """Return the tasks of a workflow by id, in the order of their definition."""
        found = self._query(items.workflow_key(workflow_id).pk, items.TASK_PREFIX)
        return items.order_tasks(decode_entity(Task, item) for item in found)

    def show_tasks(self, workflow: Workflow) -> dict[str, Task]:
        """Return the tasks of a workflow as they are, or were when it came to be as it is."""
        now_s = self._clock()
        known = self._memory.get(workflow, now_s)
        if known is None:
            known = self.list_tasks(workflow.workflow_id)
            self._memory.keep(workflow, known, now_s)
        return known

    def get_task(self, workflow_id: str, task_id: str) -> Task | None:
        """Return one task of a workflow, or None; one whose workflow is being deleted is none."""
        head, part = items.workflow_key(workflow_id), items.task_key(workflow_id, task_id)
        read = self._read([head, part])
        return decode_entity(Task, read[part]) if head in read and part in read else None

    def get_run_and_execution(
        self, dag_run_id: str, workflow_id: str, task_id: str
    ) -> tuple[DagRun | None, Execution | None]:
        """Return a run, and its workflow with its task alone, each or None, in one read."""
        head, part = items.workflow_key(workflow_id), items.task_key(workflow_id, task_id)
        key = items.dag_run_key(dag_run_id)
        read = self._read([key, head, part])
        run = decode_entity(DagRun, read[key]) if key in read else None
        if head not in read or part not in read:
            return run, None
        workflow, task = decode_entity(Workflow, read[head]), decode_entity(Task, read[part])
        return run, Execution(TaskGraph(workflow, {task.task_id: task}))

    def get_dag_run(self, dag_run_id: str) -> DagRun | None:
        """Return a run, or None."""
        return self._get(DagRun, items.dag_run_key(dag_run_id))

    def get_dag_runs(self, dag_run_ids: Collection[str]) -> dict[str, DagRun]:
        """Return those runs that are there, by id."""
        keys = dict.fromkeys(items.dag_run_key(each) for each in dag_run_ids)
        found = self._table.read([items.encode_key(key) for key in keys], is_complete=True)
        runs = [run for item in found for run in _decode_all(DagRun, item)]
        return {run.dag_run_id: run for run in runs}

    def get_upload(self, upload_id: str) -> Upload | None:
        """Return an upload, or None."""
        return self._get(Upload, items.upload_key(upload_id))

    def get_device_lock(self, device_id: str) -> DeviceLock:
        """Return the lock of a device; a fresh one before its first scan."""
        return self._get(DeviceLock, items.device_key(device_id)) or DeviceLock(device_id=device_id)

    def get_system_status(self) -> SystemStatus:
        """Return what the reconciler last noted; a fresh one before its first turn."""
        return self._get(SystemStatus, items.STATUS_KEY) or SystemStatus()

    def list_events(
        self, subject: str, after: str | None = None, limit: int | None = None
    ) -> list[Event]:
        """Return the audit trail of a workflow or stand-alone run, oldest first."""
        pk = items.event_partition(subject)
        paging: Item = {}
        if after is not None:
            paging["ExclusiveStartKey"] = items.encode_key(ItemKey(pk, items.EVENT_PREFIX + after))
        if limit is not None:
            paging["Limit"] = limit
        found = self._query(pk, items.EVENT_PREFIX, limit, **paging)
        return [event for item in found for event in _decode_all(Event, item)]

    def list_last_events(self, subject: str, limit: int) -> list[Event]:
        """Return the newest lines of an audit trail, oldest first, at most so many."""
        pk = items.event_partition(subject)
        newest_first = {"ScanIndexForward": False, "Limit": limit}
        found = self._query(pk, items.EVENT_PREFIX, limit, **newest_first)
        return [event for item in found for event in _decode_all(Event, item)][::-1]

    def read_list_mark(self) -> str | None:
        """Return what differs once anything listed has changed; None while it may be changing."""
        return self._list_mark.read()

    def list_dag_runs(self, query: ListQuery) -> Page[DagRun]:
        """Return a page of the runs, newest first; one created just now may be missing."""
        filters = {"state": query.state, "dag_id": query.dag_id}
        return self._list(DagRun, items.DAG_RUNS, query, filters)

    def list_workflows(self, query: ListQuery) -> Page[Workflow]:
        """Return a page of the workflows, newest first; one created just now may be missing."""
        return self._list(Workflow, items.WORKFLOWS, query, {"status": query.state})

    def list_rejected_objects(self, query: ListQuery) -> Page[RejectedObject]:
        """Return a page of the objects that fit nothing, newest first, likewise."""
        return self._list(RejectedObject, items.REJECTED_OBJECTS, query, {})

    def list_uploads(self, owner: str, query: ListQuery) -> Page[Upload]:
        """Return a page of a user's open uploads, newest first, likewise."""
        page = self._list(Upload, items.uploads_of(owner), query, {})
        # An index lags, and two names could lead to one place of it.
        own = [each for each in page.items if each.owner == owner and each.is_open]
        return Page(own, page.next_cursor)

    def list_due(self, now: datetime) -> Iterator[DagRun | Task]:
        """Yield runs and scans that the reconciler must look at by now, most overdue first."""
        return read_due(self._table, items.DUE, now)

    def list_due_mirrors(self, now: datetime) -> Iterator[Task]:
        """Yield tasks that exam-manager must be told of by now, most overdue first."""
        due = read_due(self._table, items.MIRROR_DUE, now)
        return (entity for entity in due if isinstance(entity, Task))

    def list_active(self, after: str | None, limit: int) -> tuple[list[DagRun | Task], str | None]:
        """Return runs and scans that the reconciler must look at some day, in that order."""
        return read_active(self._table, after, limit)

    def take_login_turn(self, now: datetime, until: datetime) -> bool:
        """Take the deployment's one turn to log in until then; False while it is another's."""
        return put_turn(self._table, until, "attribute_not_exists(PK) OR #until <= :at", now)

    def end_login_turn(self, until: datetime) -> None:
        """Give back the turn that was taken until then; one that is another's by now stays."""
        put_turn(self._table, datetime.fromtimestamp(0, UTC), "#until = :at", until)

    def list_patient_workflows(self, pseudonym: str) -> list[str]:
        """Return the ids of all workflows of a patient; it reads the whole table."""
        found = self._table.scan(
            ConsistentRead=True,
            FilterExpression="patient_pseudonym = :pseudonym AND SK = :sk",
            ExpressionAttributeValues={
                ":pseudonym": {"S": pseudonym},
                ":sk": {"S": items.workflow_key("").sk},
            },
            ProjectionExpression="workflow_id",
        )
        return [item["workflow_id"]["S"] for item in found]

    def delete_workflow(self, workflow_id: str) -> int:
        """Delete a workflow, its tasks and its audit trail; return the number of items."""
        return self._delete(items.workflow_key(workflow_id))

    def delete_dag_run(self, dag_run_id: str) -> int:
        """Delete a run and the audit trail of its own; return the number of items."""
        return self._delete(items.dag_run_key(dag_run_id))

    def delete_upload(self, upload_id: str) -> int:
        """Delete an upload; return the number of items."""
        return self._delete(items.upload_key(upload_id))

    def commit(self, entities: Sequence[Entity], events: Sequence[Event] = ()) -> None:
        """Write all or nothing, if every entity is still at the version it was read at.

        Raises
        ------
        VersionConflictError
            Somebody else wrote one of them first.
        InvalidInputError
            There are more than 100 items.
        StoreUnavailableError
            The table cannot be written; whether it was is unknown.
        """
        items.check_batch(entities, events)
        for workflow_id, at in list_renewals(entities).items():
            self._renew(workflow_id, at)
        begun = list_begun(entities)
        puts = [self._put_entity(entity, begun) for entity in entities]
        puts += [put_new(items.encode_event(event, self._settings)) for event in events]
        is_listed = any(isinstance(entity, Listed) for entity in entities)
        with self._list_mark.renewed() if is_listed else nullcontext():
            self._table.write(puts)

    def _renew(self, workflow_id: str, at: datetime) -> None:
        # Tasks, and the workflow's own item behind them; the version stays, so nobody conflicts.
        for item in self._query_tasks_and_head(workflow_id):
            known = item.get("expires_at", {}).get("N")
            is_task = item["SK"]["S"].startswith(items.TASK_PREFIX)
            fresh = renewed_expiry(
                int(known) if known else None, at, self._settings, is_task=is_task
            )
            if fresh is None:
                continue
            renewed = item | {"expires_at": {"N": str(fresh)}}
            try:
                self._table.write([put_over(renewed, item.get("version"))])
            except VersionConflictError:
                # Whoever changed it has renewed it too.
                continue

    def _query_tasks_and_head(self, workflow_id: str) -> Iterator[Item]:
        return self._table.query(
            ConsistentRead=True,
            KeyConditionExpression="PK = :pk AND SK >= :first",
            ExpressionAttributeValues={
                ":pk": {"S": items.workflow_key(workflow_id).pk},
                ":first": {"S": items.TASK_PREFIX},
            },
        )

    def _put_entity(self, entity: Entity, begun: Collection[str]) -> Item:
        item = encode_entity(entity, self._settings)
        if isinstance(entity, Task) and entity.version == 0 and entity.workflow_id in begun:
            # The workflow's own item is the condition; what an expired one has left counts no more.
            return {"Item": item}
        if entity.version == 0 and not entity.origin.item:
            return put_new(item)
        if entity.version == 0:
            # One that nobody can read as a number is compared as it is.
            return put_over(item, entity.origin.item.get("version"))
        return put_over(item, {"N": str(entity.version)})

    def _read(self, keys: list[ItemKey]) -> dict[ItemKey, Item]:
        possible = [items.encode_key(key) for key in keys if items.is_possible(key)]
        found = self._table.read(possible, is_complete=True)
        return {items.key_of(item): item for item in found}

    def _get(self, model: type[ModelT], key: ItemKey) -> ModelT | None:
        item = self._table.get(key)
        return decode_entity(model, item) if item else None

    def _query(self, pk: str, prefix: str, limit: int | None = None, **paging: Any) -> list[Item]:
        found = self._table.query(
            ConsistentRead=True,
            KeyConditionExpression="PK = :pk AND begins_with(SK, :prefix)",
            ExpressionAttributeValues={":pk": {"S": pk}, ":prefix": {"S": prefix}},
            **paging,
        )
        return list(islice(found, limit))

    def _list(
        self, model: type[ListedT], kind: str, query: ListQuery, filters: dict[str, str | None]
    ) -> Page[ListedT]:
        wanted = {name: value for name, value in filters.items() if value is not None}
        entries, place = find_listed(self._table, kind, query, wanted)
        # An index lags behind its table: only the base items tell their state.
        found = read_in_order(self._table, entries, is_complete=True)
        listed = [(item, entity) for item in found for entity in _decode_all(model, item)]
        tell_unreadable(item for item, entity in listed if is_unknown(entity))
        cursor = encode_cursor(place) if place else None
        return Page([entity for _, entity in listed if query.accepts(entity)], cursor)

    def _delete(self, head: ItemKey) -> int:
        found = self._table.query(
            ConsistentRead=True,
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues={":pk": {"S": head.pk}},
            ProjectionExpression="PK, SK",
        )
        # The head first: who writes meanwhile meets its version, and adds nothing.
        keys = sorted(found, key=lambda key: key["SK"]["S"] != head.sk)
        self._table.delete(keys[:1])
        self._table.delete(keys[1:])
        return len(keys)


def _decode_all(model: type[ModelT], item: Item) -> list[ModelT]:
    try:
        return [decode_entity(model, item)]
    except StoreUnavailableError:
        # One broken item must not keep anybody from all others.
        tell_unreadable([item])
        return []
