"""A DynamoDB table in memory: no more of it than the store uses, and quick.

It stands in for AWS where DynamoDB must not be what is measured. What it does not know it refuses.
"""

from __future__ import annotations

from typing import Any

Item = dict[str, Any]
Answer = tuple[int, dict[str, Any]]

_API = "com.amazonaws.dynamodb.v20120810#"
_IS_NEW = "attribute_not_exists(PK)"
_IS_UNCHANGED = "#version = :version"
_QUERIED = "PK = :pk AND begins_with(SK, :prefix)"


class UnknownRequestError(Exception):
    """The table is asked for something that it does not do."""


class MemoryTable:
    """One table; answers what the wire carries, and a store directly by boto3's method names."""

    def __init__(self) -> None:
        self._partitions: dict[str, dict[str, Item]] = {}

    def answer(self, operation: str, request: dict[str, Any]) -> Answer:
        """Return status and body of the answer to a request.

        Parameters
        ----------
        operation
            DynamoDB's name of it.
        request
            Its JSON.

        Raises
        ------
        UnknownRequestError
            It does not know the operation, its condition or its expression.
        """
        match operation:
            case "GetItem":
                return 200, self._get(request)
            case "BatchGetItem":
                return 200, self._get_all(request)
            case "Query":
                return 200, self._query(request)
            case "PutItem":
                if self._holds(request):
                    self._put(request)
                    return 200, {}
                return 400, _refusal("ConditionalCheckFailedException")
            case "TransactWriteItems":
                return self._transact([each["Put"] for each in request["TransactItems"]])
        raise UnknownRequestError(operation)

    def put_item(self, **request: Any) -> None:
        """Write one item, for a store that fills the table."""
        self._put(request)

    def transact_write_items(self, **request: Any) -> None:
        """Write several items, likewise."""
        for each in request["TransactItems"]:
            self._put(each["Put"])

    def _get(self, request: dict[str, Any]) -> dict[str, Any]:
        item = self._find(request["Key"])
        return {"Item": item} if item else {}

    def _get_all(self, request: dict[str, Any]) -> dict[str, Any]:
        [(name, wanted)] = request["RequestItems"].items()
        found = [self._find(key) for key in wanted["Keys"]]
        return {"Responses": {name: [item for item in found if item]}, "UnprocessedKeys": {}}

    def _query(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["KeyConditionExpression"] != _QUERIED or "Limit" in request:
            raise UnknownRequestError(request["KeyConditionExpression"])
        values = request["ExpressionAttributeValues"]
        partition = self._partitions.get(values[":pk"]["S"], {})
        keys = sorted(key for key in partition if key.startswith(values[":prefix"]["S"]))
        return {"Items": [partition[key] for key in keys], "Count": len(keys)}

    def _transact(self, puts: list[dict[str, Any]]) -> Answer:
        held = [self._holds(put) for put in puts]
        if not all(held):
            reasons = [{"Code": "None" if each else "ConditionalCheckFailed"} for each in held]
            refusal = _refusal("TransactionCanceledException")
            return 400, refusal | {"CancellationReasons": reasons}
        for put in puts:
            self._put(put)
        return 200, {}

    def _holds(self, put: dict[str, Any]) -> bool:
        there = self._find(put["Item"])
        match put.get("ConditionExpression"):
            case None:
                return True
            case str(condition) if condition == _IS_NEW:
                return there is None
            case str(condition) if condition == _IS_UNCHANGED:
                version = put["ExpressionAttributeValues"][":version"]
                return there is not None and there["version"] == version
            case condition:
                raise UnknownRequestError(str(condition))

    def _find(self, key: Item) -> Item | None:
        return self._partitions.get(key["PK"]["S"], {}).get(key["SK"]["S"])

    def _put(self, put: dict[str, Any]) -> None:
        item: Item = put["Item"]
        self._partitions.setdefault(item["PK"]["S"], {})[item["SK"]["S"]] = item


def _refusal(code: str) -> dict[str, Any]:
    return {"__type": _API + code, "message": "A condition is not met."}
