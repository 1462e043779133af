"""Counts what AWS would charge for the calls that boto3 makes in this process.

Request units of DynamoDB on demand are computed from what is asked and answered:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Item = Mapping[str, Mapping[str, Any]]

WRITE_UNIT_BYTES, READ_UNIT_BYTES = 1024, 4096
_CONTAINER_BYTES = 3
# What S3 charges as "PUT, COPY, POST, LIST"; all else is "GET and all other requests".
_S3_WRITES = ("Put", "Create", "Complete", "Upload", "List", "Copy")
_FREE_S3 = ("Abort", "Delete")
# The table's indexes: their keys, and the other attributes that they hold.
_INDEXES = (
    (("due", "due_at"), ()),
    (("listed", "listed_at"), ("state", "status", "dag_id")),
)
_CONTEXT_KEY = "metered"


def size_of(item: Item) -> int:
    """Return the size of an item as DynamoDB counts it [bytes]."""
    return sum(len(name.encode()) + _size_of_value(value) for name, value in item.items())


def _size_of_value(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "N":
            return len(content) // 2 + 1
        case "M":
            return _CONTAINER_BYTES + size_of(content) + len(content)
        case "L":
            return _CONTAINER_BYTES + sum(_size_of_value(each) + 1 for each in content)
        case "SS" | "NS" | "BS":
            return sum(len(each) for each in content)
        case "BOOL" | "NULL":
            return 1
    return len(content.encode() if kind == "S" else content)


def count_write_units(size_bytes: int, is_transaction: bool = False) -> int:
    """Return the units of a write, by the larger of the item before and after [bytes]."""
    n_units = max(1, math.ceil(size_bytes / WRITE_UNIT_BYTES))
    # Each write of a transaction counts twice.
    return n_units * 2 if is_transaction else n_units


def count_index_writes(
    before: Item, after: Item, keys: Sequence[str], attributes: Sequence[str]
) -> int:
    """Return the units that a write costs in a sparse index of small entries.

    An item that lacks one of the index's keys has no entry.
    """
    old, new = (all(key in item for key in keys) for item in (before, after))
    if not old or not new:
        return int(old or new)
    if any(before[key] != after[key] for key in keys):
        # A key of an entry cannot change: DynamoDB deletes the entry and writes another.
        return 2
    return int(any(before.get(name) != after.get(name) for name in attributes))


def count_read_units(sizes_bytes: Sequence[int], is_consistent: bool, is_query: bool) -> float:
    """Return the units of one read request, by the items that it read [bytes]."""
    # A query rounds the sum, other reads round each item; reading nothing costs a small item.
    rounded = [sum(sizes_bytes)] if is_query or not sizes_bytes else sizes_bytes
    n_units = sum(max(1, math.ceil(size / READ_UNIT_BYTES)) for size in rounded)
    return n_units if is_consistent else n_units / 2


class AwsMeter:
    """Counts by function and by unit what the clients of a session call.

    Parameters
    ----------
    peek
        A DynamoDB client of another session: it reads an item as it was before a write.
    """

    def __init__(self, session: Any, peek: Any) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.commits: list[list[Item]] = []
        self._peek = peek
        self._function: str | None = None
        session.events.register("before-parameter-build", self._keep)
        session.events.register("after-call", self._count)

    def switch(self, function: str | None) -> Counter[str]:
        """Count from now on for a function, by its folder's name; None: count nothing."""
        self._function = function
        return self.counts.setdefault(function, Counter()) if function else Counter()

    def add(self, unit: str, n: float = 1) -> None:
        """Count something that boto3 does not see."""
        if self._function:
            # A Counter adds halves too, which its type does not say.
            self.counts[self._function][unit] += n  # type: ignore[assignment]

    def _keep(self, params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        if self._function:
            puts = _list_puts(params)
            context[_CONTEXT_KEY] = params, [(self._look_up(put), put["Item"]) for put in puts]

    def _look_up(self, put: Mapping[str, Any]) -> Item:
        key = {name: put["Item"][name] for name in ("PK", "SK")}
        found: Item = self._peek.get_item(TableName=put["TableName"], Key=key).get("Item", {})
        return found

    def _count(self, model: Any, parsed: Mapping[str, Any], context: Any, **_: Any) -> None:
        if _CONTEXT_KEY not in context or not self._function:
            return
        params, changes = context[_CONTEXT_KEY]
        self.add("aws_calls")
        name: str = model.name
        match model.service_model.service_name:
            case "dynamodb" if changes:
                self._count_puts(changes, name == "TransactWriteItems", parsed)
            case "dynamodb" if name in ("UpdateItem", "DeleteItem"):
                # Items of an Idempotency-Key hold a stored answer, which is in no index.
                values = params.get("ExpressionAttributeValues", {})
                self.add("write_units", count_write_units(size_of(values) + size_of(params["Key"])))
            case "dynamodb":
                self._count_read(name, params, parsed)
            case "s3" if not name.startswith(_FREE_S3):
                self.add("s3_writes" if name.startswith(_S3_WRITES) else "s3_reads")
            case "sqs":
                self.add("sqs_requests")
            case "events":
                self.add("bus_events", len(params["Entries"]))
            case "secretsmanager":
                self.add("secret_reads")

    def _count_puts(
        self, changes: list[tuple[Item, Item]], is_transaction: bool, parsed: Mapping[str, Any]
    ) -> None:
        is_refused = parsed["ResponseMetadata"]["HTTPStatusCode"] != 200
        for old, new in changes:
            size_bytes = max(size_of(old), size_of(new))
            self.add("write_units", count_write_units(size_bytes, is_transaction))
            if not is_refused:
                self.add("stored_bytes", size_of(new) - size_of(old))
                for keys, attributes in _INDEXES:
                    self.add("write_units", count_index_writes(old, new, keys, attributes))
        if not is_refused:
            self.commits.append([new for _, new in changes])

    def _count_read(self, name: str, params: Mapping[str, Any], parsed: Mapping[str, Any]) -> None:
        is_consistent = params.get("ConsistentRead", False)
        if name == "BatchGetItem":
            found = [item for items in parsed["Responses"].values() for item in items]
            is_consistent = all(each["ConsistentRead"] for each in params["RequestItems"].values())
        else:
            found = parsed.get("Items", [parsed["Item"]] if "Item" in parsed else [])
        sizes = [size_of(item) for item in found]
        self.add("read_units", count_read_units(sizes, is_consistent, name == "Query"))


def _list_puts(params: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "Item" in params and "TableName" in params:
        return [params]
    return [each["Put"] for each in params.get("TransactItems", [])]
