"""The table as DynamoDB offers it: requests, rounds for what is left over, errors."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from workflow_manager.domain.errors import (
    InvalidInputError,
    StoreUnavailableError,
    VersionConflictError,
)
from workflow_manager.observability import log_unexpected
from workflow_manager.stores import items
from workflow_manager.stores.items import Item, ItemKey

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
MAX_N_KEYS_PER_BATCH = 100
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
MAX_N_WRITES_PER_BATCH = 25
MAX_N_BATCH_ROUNDS = 3

_CONFLICTS = {"ConditionalCheckFailed", "TransactionConflict"}
_INVALID = {"ValidationException", "SerializationException"}
_NOT_READ = "The state table cannot be read."
_NOT_WRITTEN = "The state table cannot be written."
_NOT_TAKEN = "The state table does not take this: it is too large, or of an unknown form."


class Table:
    """One table.

    Parameters
    ----------
    client
        A boto3 client of ``dynamodb``.
    name
        The table's.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def get(self, key: ItemKey) -> Item | None:
        """Return an item, or None; there is none under a key that no item can have."""
        if not items.is_possible(key):
            return None
        with _store_errors(_NOT_READ):
            answer = self._client.get_item(
                TableName=self._name, Key=items.encode_key(key), ConsistentRead=True
            )
        item: Item | None = answer.get("Item")
        return item

    def query(self, **request: Any) -> Iterator[Item]:
        """Yield the items of a query, page by page as they are wanted."""
        return _walk(self.query_page, request)

    def scan(self, **request: Any) -> Iterator[Item]:
        """Yield the items of the whole table that a request accepts; no function may."""
        return _walk(self._scan_page, request)

    def query_page(self, **request: Any) -> dict[str, Any]:
        """Return the answer to one request."""
        with _store_errors(_NOT_READ):
            answer: dict[str, Any] = self._client.query(TableName=self._name, **request)
        return answer

    def _scan_page(self, **request: Any) -> dict[str, Any]:
        with _store_errors(_NOT_READ):
            answer: dict[str, Any] = self._client.scan(TableName=self._name, **request)
        return answer

    def read(self, keys: Sequence[Item], is_complete: bool = False) -> Iterator[Item]:
        """Yield the items that are there, in any order.

        Parameters
        ----------
        keys
            Where they lie.
        is_complete
            Whether none may be left out; else what DynamoDB leaves unread is left out.

        Raises
        ------
        StoreUnavailableError
            The table cannot be read, or not all of it.
        """
        for start in range(0, len(keys), MAX_N_KEYS_PER_BATCH):
            batch = keys[start : start + MAX_N_KEYS_PER_BATCH]
            request: dict[str, Any] = {self._name: {"Keys": batch, "ConsistentRead": True}}
            for _ in range(MAX_N_BATCH_ROUNDS):
                with _store_errors(_NOT_READ):
                    answer = self._client.batch_get_item(RequestItems=request)
                yield from answer["Responses"].get(self._name, [])
                request = answer.get("UnprocessedKeys", {})
                if not request:
                    break
            if request and is_complete:
                raise StoreUnavailableError(_NOT_READ)

    def write(self, puts: Sequence[dict[str, Any]]) -> None:
        """Put all items or none, each under its condition.

        Raises
        ------
        VersionConflictError
            A condition is not met.
        StoreUnavailableError
            The table cannot be written; whether it was is unknown.
        """
        named = [{"TableName": self._name, **put} for put in puts]
        with _store_errors(_NOT_WRITTEN):
            if len(named) == 1:
                self._client.put_item(**named[0])
            elif named:
                # botocore adds a ClientRequestToken, so its retries do not conflict with itself.
                self._client.transact_write_items(TransactItems=[{"Put": put} for put in named])

    def delete(self, keys: Sequence[Item]) -> None:
        """Delete items, whether they are there or not.

        Raises
        ------
        StoreUnavailableError
            Some may be left; the same call again deletes them.
        """
        for start in range(0, len(keys), MAX_N_WRITES_PER_BATCH):
            batch = keys[start : start + MAX_N_WRITES_PER_BATCH]
            request = {self._name: [{"DeleteRequest": {"Key": key}} for key in batch]}
            for _ in range(MAX_N_BATCH_ROUNDS):
                with _store_errors(_NOT_WRITTEN):
                    answer = self._client.batch_write_item(RequestItems=request)
                request = answer.get("UnprocessedItems", {})
                if not request:
                    break
            if request:
                raise StoreUnavailableError(_NOT_WRITTEN)


def _walk(read_page: Callable[..., dict[str, Any]], request: dict[str, Any]) -> Iterator[Item]:
    # botocore's paginator takes as long again as the call, to find the end of a single page.
    page = read_page(**request)
    yield from page["Items"]
    while last := page.get("LastEvaluatedKey"):
        page = read_page(**request | {"ExclusiveStartKey": last})
        yield from page["Items"]


def put_new(item: Item) -> dict[str, Any]:
    """Return the write of an item that is not there yet."""
    return {"Item": item, "ConditionExpression": "attribute_not_exists(PK)"}


def put_over(item: Item, version: Any) -> dict[str, Any]:
    """Return the write of an item over the version that was read, as DynamoDB has it."""
    put = {"Item": item, "ExpressionAttributeNames": {"#version": "version"}}
    if version is None:
        return put | {"ConditionExpression": "attribute_not_exists(#version)"}
    return put | {
        "ConditionExpression": "#version = :version",
        "ExpressionAttributeValues": {":version": version},
    }


@contextmanager
def _store_errors(detail: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if _is_conflict(error, code):
            raise VersionConflictError("Somebody else changed it at the same time.") from error
        if code in _INVALID or _has_reason(error, {"ValidationError"}):
            # A place in a list that is none, or more than an item may hold: 400 KB.
            log_unexpected(error)
            raise InvalidInputError(_NOT_TAKEN) from None
        raise StoreUnavailableError(detail) from error
    except BotoCoreError as error:
        raise StoreUnavailableError(detail) from error


def _is_conflict(error: ClientError, code: str) -> bool:
    if code in {"ConditionalCheckFailedException", "TransactionConflictException"}:
        return True
    return _has_reason(error, _CONFLICTS)


def _has_reason(error: ClientError, codes: Collection[str]) -> bool:
    reasons = error.response.get("CancellationReasons", [])
    return any(reason.get("Code") in codes for reason in reasons)
