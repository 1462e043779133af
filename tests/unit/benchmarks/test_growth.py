"""What is read of the table does not grow with what has ended, counted in DynamoDB's units."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks.growth import _pair
from benchmarks.growth_hospital import OWNER, Hospital
from benchmarks.growth_neighbours import GrowthTable
from workflow_manager.domain.listing import ListQuery
from workflow_manager.settings import Settings
from workflow_manager.stores.dynamodb import DynamoDBStore

N_ACTIVE = 130
OPERATIONS = {"query": "Query", "get_item": "GetItem", "batch_get_item": "BatchGetItem"}
# Far from the ends of its month, which is a partition of the index.
NOW = datetime(2026, 11, 15, 12, tzinfo=UTC)
PAGE = ListQuery(NOW - timedelta(days=1), NOW, limit=100)
RUNNING = ListQuery(NOW - timedelta(days=1), NOW, limit=100, state="running")


class TableClient:
    """A client of a table made of numbers."""

    def __init__(self, table: GrowthTable, counts: Counter[str]) -> None:
        self._table = table
        self._counts = counts

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self._counts[name] += 1
            return self._table.answer(OPERATIONS[name], request)[1]

        return call


def count(read: Callable[[DynamoDBStore], object], *, has_finished: bool) -> Counter[str]:
    counts: Counter[str] = Counter()
    table = GrowthTable(Hospital(N_ACTIVE, has_finished, NOW), counts)
    read(DynamoDBStore(TableClient(table, counts), Settings(table_name="state")))
    return counts


def go_round(store: DynamoDBStore) -> None:
    """Read all that is active, as the reconciler's turns do, and all that is due."""
    assert list(store.list_due(NOW)) == list(store.list_due_mirrors(NOW)) == []
    n_found, cursor = 0, None
    while True:
        page, cursor = store.list_active(cursor, 100)
        n_found += len(page)
        if cursor is None:
            break
    assert n_found == N_ACTIVE


@pytest.mark.parametrize("read", [go_round, lambda store: store.list_uploads(OWNER, PAGE)])
def test_what_has_ended_costs_neither_the_reconciler_nor_the_open_uploads(
    read: Callable[[DynamoDBStore], object],
) -> None:
    assert count(read, has_finished=True) == count(read, has_finished=False)


@pytest.mark.parametrize(
    "read",
    [
        lambda store: store.list_workflows(PAGE),
        lambda store: store.list_dag_runs(PAGE),
    ],
)
def test_a_page_costs_the_same_whatever_is_on_it(read: Callable[[DynamoDBStore], object]) -> None:
    def price(*, has_finished: bool) -> tuple[int, int, int]:
        counts = count(read, has_finished=has_finished)
        return counts["query"], counts["batch_get_item"], round(counts["read_units"])

    assert price(has_finished=True) == price(has_finished=False)


def test_a_filter_reads_entries_of_the_index_and_items_of_its_own_page_only() -> None:
    counts = count(lambda store: store.list_workflows(RUNNING), has_finished=True)
    assert counts["batch_get_item"] == 1
    # A hundred items, and a thousand entries at half a unit for 4 KB.
    assert counts["read_units"] < 100 + 40 * counts["query"]


def test_a_figure_that_is_the_same_stands_once() -> None:
    assert _pair("dynamodb", {"dynamodb": 1000}, {"dynamodb": 1000.0}) == "1,000"
    assert _pair("read_units", {"read_units": 1.5}, {"read_units": 2}) == "1.5 / 2"
    assert _pair("cpu_ms_unchanged", {}, {}) == ""
