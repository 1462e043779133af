"""Counts what AWS would charge for the calls that boto3 makes in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from benchmarks.dynamodb_units import (
    Item,
    count_index_writes,
    count_read_units,
    count_write_units,
    size_of,
)

# What S3 charges as "PUT, COPY, POST, LIST"; all else is "GET and all other requests".
_S3_WRITES = ("Put", "Create", "Complete", "Upload", "List", "Copy")
_FREE_S3 = ("Abort", "Delete")
_INDEXES = (
    (("due", "due_at"), ()),
    (("listed", "listed_at"), ("state", "status", "dag_id")),
)
_CONTEXT_KEY = "metered"


class AwsMeter:
    """Counts by function and by unit.

    Parameters
    ----------
    session
        The session whose clients are counted: those that it makes from now on.
    peek
        A client of ``dynamodb`` of another session: what an item was before it is written.
    """

    def __init__(self, session: Any, peek: Any) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.commits: list[list[Item]] = []
        self._peek = peek
        self._function: str | None = None
        session.events.register("before-parameter-build", self._keep)
        session.events.register("after-call", self._count)

    def switch(self, function: str | None) -> Counter[str]:
        """Count from now on for a function; None counts nothing.

        Parameters
        ----------
        function
            Its folder's name.
        """
        self._function = function
        return self.counts.setdefault(function, Counter()) if function else Counter()

    def add(self, unit: str, n: float = 1) -> None:
        """Count something that boto3 does not see."""
        if self._function:
            # A Counter adds halves as well, which its type does not know.
            self.counts[self._function][unit] += n  # type: ignore[assignment]

    def _keep(self, params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        if self._function:
            context[_CONTEXT_KEY] = params, self._look_up(params)

    def _look_up(self, params: Mapping[str, Any]) -> list[Item]:
        """Return what the items of a write were before it."""
        puts = [each.get("Put", {}) for each in params.get("TransactItems", [])]
        if "Item" in params and "TableName" in params:
            puts = [params]
        return [self._get(put["TableName"], put["Item"]) for put in puts]

    def _get(self, table: str, item: Item) -> Item:
        key = {name: item[name] for name in ("PK", "SK")}
        found: Item = self._peek.get_item(TableName=table, Key=key).get("Item", {})
        return found

    def _count(self, model: Any, parsed: Mapping[str, Any], context: Any, **_: Any) -> None:
        if _CONTEXT_KEY not in context or not self._function:
            return
        params, before = context[_CONTEXT_KEY]
        self.add("aws_calls")
        service = model.service_model.service_name
        if service == "dynamodb":
            self._count_dynamodb(model.name, params, before, parsed)
        elif service == "s3" and not model.name.startswith(_FREE_S3):
            self.add("s3_writes" if model.name.startswith(_S3_WRITES) else "s3_reads")
        elif service == "sqs":
            self.add("sqs_requests")
        elif service == "events":
            self.add("bus_events", len(params["Entries"]))
        elif service == "secretsmanager":
            self.add("secret_reads")

    def _count_dynamodb(
        self, name: str, params: Mapping[str, Any], before: list[Item], parsed: Mapping[str, Any]
    ) -> None:
        if name in ("PutItem", "TransactWriteItems"):
            is_transaction = name == "TransactWriteItems"
            puts = [each["Put"] for each in params["TransactItems"]] if is_transaction else [params]
            is_refused = parsed["ResponseMetadata"]["HTTPStatusCode"] != 200
            for put, old in zip(puts, before, strict=True):
                self._count_put(old, put["Item"], is_transaction, is_refused)
            if not is_refused:
                self.commits.append([put["Item"] for put in puts])
        elif name in ("UpdateItem", "DeleteItem"):
            # Of the Idempotency-Key: the answer that is kept, which an index never holds.
            written = size_of(params.get("ExpressionAttributeValues", {})) + size_of(params["Key"])
            self.add("write_units", count_write_units(written))
        else:
            self._count_read(name, params, parsed)

    def _count_put(self, old: Item, new: Item, is_transaction: bool, is_refused: bool) -> None:
        size_bytes = max(size_of(old), size_of(new))
        self.add("write_units", count_write_units(size_bytes, is_transaction))
        if is_refused:
            return
        self.add("stored_bytes", size_of(new) - size_of(old))
        for keys, attributes in _INDEXES:
            self.add("write_units", count_index_writes(old, new, keys, attributes))

    def _count_read(self, name: str, params: Mapping[str, Any], parsed: Mapping[str, Any]) -> None:
        is_consistent = params.get("ConsistentRead", False)
        if name == "BatchGetItem":
            found = [item for items in parsed["Responses"].values() for item in items]
            is_consistent = all(each["ConsistentRead"] for each in params["RequestItems"].values())
        else:
            found = parsed.get("Items", [parsed["Item"]] if "Item" in parsed else [])
        sizes = [size_of(item) for item in found]
        self.add("read_units", count_read_units(sizes, is_consistent, name == "Query"))
