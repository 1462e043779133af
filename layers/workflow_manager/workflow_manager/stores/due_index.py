"""The index of what the reconciler must look at, read past whatever cannot be read."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.task import Task
from workflow_manager.observability import count_left_undone, logger
from workflow_manager.stores import items
from workflow_manager.stores.decoding import decode_entity, is_unknown
from workflow_manager.stores.items import Item, key_of
from workflow_manager.stores.table import MAX_N_KEYS_PER_BATCH, Table

DUE_INDEX = "due-index"


def read_due(table: Table, partition: str, now: datetime) -> Iterator[DagRun | Task]:
    """Yield what is due by now, most overdue first, page by page as it is wanted."""
    entries = table.query(
        IndexName=DUE_INDEX,
        KeyConditionExpression="#due = :due AND due_at <= :now",
        ExpressionAttributeNames={"#due": "due"},
        ExpressionAttributeValues={
            ":due": {"S": partition},
            ":now": {"S": items.format_due(now)},
        },
        Limit=MAX_N_KEYS_PER_BATCH,
    )
    while batch := list(islice(entries, MAX_N_KEYS_PER_BATCH)):
        for due_at, entity in _read(table, batch):
            # The index lags: what has moved on belongs to the other part, or to none.
            if due_at <= now and items.due_partition(entity) == partition:
                yield entity


def read_active(
    table: Table, after: str | None, limit: int
) -> tuple[list[DagRun | Task], str | None]:
    """Return a page of all that must be looked at some day, and where the next one begins."""
    request: Item = {
        "IndexName": DUE_INDEX,
        "KeyConditionExpression": "#due = :due",
        "ExpressionAttributeNames": {"#due": "due"},
        "ExpressionAttributeValues": {":due": {"S": items.DUE}},
        "Limit": limit + 1,
    }
    if after is not None:
        due_at, key = items.decode_active_cursor(after)
        place = {"due": {"S": items.DUE}, "due_at": {"S": due_at}}
        request["ExclusiveStartKey"] = items.encode_key(key) | place
    answer = table.query_page(**request)
    entries: list[Item] = answer["Items"][:limit]
    is_last = len(answer["Items"]) <= limit and "LastEvaluatedKey" not in answer
    cursor = None
    if entries and not is_last:
        cursor = items.encode_active_cursor(entries[-1]["due_at"]["S"], key_of(entries[-1]))
    return [entity for _, entity in _read(table, entries)], cursor


def read_in_order(table: Table, entries: Sequence[Item], *, is_complete: bool) -> list[Item]:
    """Return the items of an index's entries, in its order; those that are gone are left out."""
    keys = [{"PK": entry["PK"], "SK": entry["SK"]} for entry in entries]
    read = {key_of(item): item for item in table.read(keys, is_complete)}
    return [read[key] for key in map(key_of, entries) if key in read]


def tell_unreadable(found: Iterable[Item]) -> None:
    """Count what cannot be read, and log its keys, which hold ids only."""
    keys = ["/".join(key_of(item)) for item in found]
    if keys:
        logger.error("items that this version cannot read", extra={"keys": keys})
        count_left_undone(len(keys))


def _read(table: Table, entries: Sequence[Item]) -> list[tuple[datetime, DagRun | Task]]:
    active: list[tuple[datetime, DagRun | Task]] = []
    unreadable: list[dict[str, Any]] = []
    for item in read_in_order(table, entries, is_complete=False):
        is_task = item["SK"]["S"].startswith(items.TASK_PREFIX)
        entity: DagRun | Task = (
            decode_entity(Task, item) if is_task else decode_entity(DagRun, item)
        )
        if is_unknown(entity):
            unreadable.append(item)
        elif entity.due_at is not None:
            active.append((entity.due_at, entity))
    tell_unreadable(unreadable)
    return active
