"""The index by month of creation, read from the newest month backwards."""

from typing import Any

from workflow_manager.domain.listing import ListQuery, month_below, start_of_month
from workflow_manager.stores.items import Item
from workflow_manager.stores.table import Table

LISTING_INDEX = "listing-index"
# Thirteen months lie in the longest period.
MAX_N_QUERIES = 20
# Entries that one query reads where a filter drops most; an entry has about 200 bytes.
N_ENTRIES_SOUGHT = 1000


def find_listed(
    table: Table, kind: str, query: ListQuery, filters: dict[str, str]
) -> tuple[list[Item], str | None]:
    """Return the entries of one page, newest first, and the place where the next begins, or None.

    Parameters
    ----------
    kind
        First part of the index's hash key: ``DAGRUN``, ``WORKFLOW`` or ``REJECTED``.
    """
    found: list[Item] = []
    before = query.before
    for _ in range(MAX_N_QUERIES):
        if before <= query.lowest:
            return found, None
        month = month_below(before)
        answer = table.query_page(**_request(f"{kind}#{month}", query, before, filters))
        # BETWEEN includes its upper end, which the page before may have shown.
        found += [entry for entry in answer["Items"] if _place(entry) < before]
        if len(found) > query.limit:
            return found[: query.limit], _place(found[query.limit - 1])
        last = answer.get("LastEvaluatedKey")
        before = _place(last) if last else start_of_month(month)
    return found, before


def _request(partition: str, query: ListQuery, before: str, filters: dict[str, str]) -> Item:
    request: dict[str, Any] = {
        "IndexName": LISTING_INDEX,
        "KeyConditionExpression": "listed = :listed AND listed_at BETWEEN :lowest AND :before",
        "ExpressionAttributeValues": {
            ":listed": {"S": partition},
            ":lowest": {"S": query.lowest},
            ":before": {"S": before},
        },
        "ScanIndexForward": False,
        # One more tells whether another page follows, and one may be the upper end.
        "Limit": query.limit + 2,
    }
    if filters:
        request["ExpressionAttributeNames"] = {f"#{name}": name for name in filters}
        values = {f":{name}": {"S": value} for name, value in filters.items()}
        request["ExpressionAttributeValues"] |= values
        request["FilterExpression"] = " AND ".join(f"#{name} = :{name}" for name in filters)
        request["Limit"] = N_ENTRIES_SOUGHT
    return request


def _place(entry: Item) -> str:
    return str(entry["listed_at"]["S"])
