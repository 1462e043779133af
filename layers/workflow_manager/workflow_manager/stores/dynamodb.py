"""The `WorkflowStore` on one DynamoDB table."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.device import DeviceLock
from workflow_manager.domain.entity import Entity, Event
from workflow_manager.domain.errors import StoreUnavailableError, VersionConflictError
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.system_status import SystemStatus
from workflow_manager.domain.task import Task
from workflow_manager.domain.upload import Upload
from workflow_manager.domain.workflow import Workflow
from workflow_manager.observability import log_unexpected
from workflow_manager.settings import Settings
from workflow_manager.stores import items
from workflow_manager.stores.items import Item, ItemKey, ModelT

DUE_INDEX = "due-index"
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
MAX_N_KEYS_PER_BATCH = 100
MAX_N_BATCH_ROUNDS = 3

_CONFLICTS = {"ConditionalCheckFailed", "TransactionConflict"}


class DynamoDBStore:
    """State in DynamoDB.

    Parameters
    ----------
    client
        A boto3 client of ``dynamodb``.
    settings
        Names the table and says how long things are kept.
    """

    def __init__(self, client: Any, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._table = settings.table_name

    def get_execution(self, workflow_id: str) -> Execution | None:
        """Return a workflow with its tasks, or None if it was never processed."""
        # The workflow is read before its tasks: every commit changes it, so tasks newer than it
        # make the next commit fail. In one query, which is no snapshot, tasks could be older.
        workflow = self._get(Workflow, items.workflow_key(workflow_id))
        if workflow is None:
            return None
        tasks = self._query(Task, items.workflow_key(workflow_id).pk, items.TASK_PREFIX)
        return Execution(workflow=workflow, tasks=items.order_tasks(tasks))

    def get_dag_run(self, dag_run_id: str) -> DagRun | None:
        """Return a run, or None."""
        return self._get(DagRun, items.dag_run_key(dag_run_id))

    def get_upload(self, upload_id: str) -> Upload | None:
        """Return an upload, or None."""
        return self._get(Upload, items.upload_key(upload_id))

    def get_device_lock(self, device_id: str) -> DeviceLock:
        """Return the lock of a device; a fresh one before its first scan."""
        return self._get(DeviceLock, items.device_key(device_id)) or DeviceLock(device_id=device_id)

    def get_system_status(self) -> SystemStatus:
        """Return what the reconciler last noted; a fresh one before its first turn."""
        return self._get(SystemStatus, items.STATUS_KEY) or SystemStatus()

    def list_events(self, subject: str) -> list[Event]:
        """Return the audit trail of a workflow or stand-alone run, oldest first."""
        return self._query(Event, items.event_partition(subject), items.EVENT_PREFIX)

    def list_due(self, now: datetime, limit: int) -> list[DagRun | Task]:
        """Return what the reconciler must look at by now, most overdue first."""
        due: list[tuple[datetime, DagRun | Task]] = []
        # An index lags behind its table: only the base items tell what is due.
        for item in self._read_batches(self._query_due(now, limit)):
            is_task = item["SK"]["S"].startswith(items.TASK_PREFIX)
            try:
                entity = items.decode(Task, item) if is_task else items.decode(DagRun, item)
            except ValidationError as error:
                # One broken item must not keep the reconciler from all others.
                log_unexpected(error)
                continue
            if entity.due_at is not None and entity.due_at <= now:
                due.append((entity.due_at, entity))
        return [entity for _, entity in sorted(due, key=lambda pair: pair[0])]

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
        puts = [self._put_entity(entity) for entity in entities]
        puts += [self._put_new(items.encode_event(event, self._settings)) for event in events]
        with _store_errors("The state table cannot be written."):
            if len(puts) == 1:
                self._client.put_item(**puts[0])
            elif puts:
                # botocore adds a ClientRequestToken, so its retries do not conflict with itself.
                self._client.transact_write_items(TransactItems=[{"Put": put} for put in puts])

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
        with _store_errors("The state table cannot be written."):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="PK = :pk",
                ExpressionAttributeValues={":pk": {"S": pk}},
            )
            keys = [{"PK": i["PK"], "SK": i["SK"]} for page in pages for i in page["Items"]]
            for key in keys:
                self._client.delete_item(TableName=self._table, Key=key)
        return len(keys)

    def _put_entity(self, entity: Entity) -> dict[str, Any]:
        item = items.encode_entity(entity, self._settings)
        if entity.version == 0:
            return self._put_new(item)
        return {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": "#version = :version",
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":version": {"N": str(entity.version)}},
        }

    def _put_new(self, item: Item) -> dict[str, Any]:
        condition = "attribute_not_exists(PK)"
        return {"TableName": self._table, "Item": item, "ConditionExpression": condition}

    def _get(self, model: type[ModelT], key: ItemKey) -> ModelT | None:
        with _store_errors():
            answer = self._client.get_item(
                TableName=self._table, Key=items.encode_key(key), ConsistentRead=True
            )
        return items.decode(model, answer["Item"]) if "Item" in answer else None

    def _query(self, model: type[ModelT], pk: str, prefix: str) -> list[ModelT]:
        with _store_errors():
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="PK = :pk AND begins_with(SK, :prefix)",
                ExpressionAttributeValues={":pk": {"S": pk}, ":prefix": {"S": prefix}},
            )
            return [items.decode(model, item) for page in pages for item in page["Items"]]

    def _query_due(self, now: datetime, limit: int) -> list[Item]:
        with _store_errors():
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName=DUE_INDEX,
                KeyConditionExpression="#due = :due AND due_at <= :now",
                ExpressionAttributeNames={"#due": "due"},
                ExpressionAttributeValues={
                    ":due": {"S": items.DUE},
                    ":now": {"S": items.format_due(now)},
                },
                PaginationConfig={"MaxItems": limit},
            )
            return [
                {"PK": item["PK"], "SK": item["SK"]} for page in pages for item in page["Items"]
            ]

    def _read_batches(self, keys: list[Item]) -> Iterator[Item]:
        for start in range(0, len(keys), MAX_N_KEYS_PER_BATCH):
            batch = keys[start : start + MAX_N_KEYS_PER_BATCH]
            request: dict[str, Any] = {self._table: {"Keys": batch, "ConsistentRead": True}}
            # What is left unread after the last round stays due, and is listed next time.
            for _ in range(MAX_N_BATCH_ROUNDS):
                with _store_errors():
                    answer = self._client.batch_get_item(RequestItems=request)
                yield from answer["Responses"].get(self._table, [])
                request = answer.get("UnprocessedKeys", {})
                if not request:
                    break


@contextmanager
def _store_errors(detail: str = "The state table cannot be read.") -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if _is_conflict(error, code):
            raise VersionConflictError("Somebody else changed it at the same time.") from error
        if code == "ValidationException":  # our own mistake, not an outage
            raise
        raise StoreUnavailableError(detail) from error
    except BotoCoreError as error:
        raise StoreUnavailableError(detail) from error


def _is_conflict(error: ClientError, code: str) -> bool:
    if code in {"ConditionalCheckFailedException", "TransactionConflictException"}:
        return True
    reasons = error.response.get("CancellationReasons", [])
    return any(reason.get("Code") in _CONFLICTS for reason in reasons)
