"""A DynamoDB table in memory: only what the store uses, and fast.

It replaces AWS where DynamoDB must not be measured. It refuses what it does not know.
"""

from __future__ import annotations

from typing import Any

Item = dict[str, Any]
Answer = tuple[int, Item]

_IS_UNCHANGED = "#version = :version"


class UnknownRequestError(Exception):
    """The table is asked for something that it does not do."""


class MemoryTable:
    """One table; it answers requests of the wire."""

    def __init__(self) -> None:
        self._partitions: dict[str, dict[str, Item]] = {}

    def answer(self, operation: str, request: Item) -> Answer:
        """Return status and body of the answer to a request of the wire.

        Raises
        ------
        UnknownRequestError
            It does not know the operation, its condition or its expression.
        """
        match operation:
            case "GetItem":
                item = self._find(request["Key"])
                return 200, {"Item": item} if item else {}
            case "BatchGetItem":
                [(name, wanted)] = request["RequestItems"].items()
                found = [self._find(key) for key in wanted["Keys"]]
                items = [item for item in found if item]
                return 200, {"Responses": {name: items}, "UnprocessedKeys": {}}
            case "PutItem":
                return self._write([request], "ConditionalCheckFailedException")
            case "TransactWriteItems":
                puts = [each["Put"] for each in request["TransactItems"]]
                return self._write(puts, "TransactionCanceledException")
        raise UnknownRequestError(operation)

    def _write(self, puts: list[Item], refusal: str) -> Answer:
        """Write all or nothing."""
        held = [self._holds(put) for put in puts]
        if not all(held):
            reasons = [{"Code": "None" if each else "ConditionalCheckFailed"} for each in held]
            kind = f"com.amazonaws.dynamodb.v20120810#{refusal}"
            told = {"__type": kind, "message": "A condition is not met."}
            return 400, told | {"CancellationReasons": reasons}
        for put in puts:
            item = put["Item"]
            self._partitions.setdefault(item["PK"]["S"], {})[item["SK"]["S"]] = item
        return 200, {}

    def _holds(self, put: Item) -> bool:
        there, condition = self._find(put["Item"]), put.get("ConditionExpression")
        if condition is None:
            return True
        if condition == "attribute_not_exists(PK)":
            return there is None
        if condition == _IS_UNCHANGED:
            version = put["ExpressionAttributeValues"][":version"]
            return there is not None and bool(there["version"] == version)
        raise UnknownRequestError(str(condition))

    def _find(self, key: Item) -> Item | None:
        return self._partitions.get(key["PK"]["S"], {}).get(key["SK"]["S"])
