import pytest

from benchmarks.aws_meter import (
    count_index_writes,
    count_read_units,
    count_write_units,
    size_of,
)

KEYS, ATTRIBUTES = ("due", "due_at"), ("state",)
DUE = {"due": {"S": "DUE"}, "due_at": {"S": "1"}, "state": {"S": "PENDING"}}


def test_size_is_that_of_names_and_values() -> None:
    item = {"PK": {"S": "äb"}, "n": {"N": "1234"}, "no": {"NULL": True}}

    assert size_of(item) == (2 + 3) + (1 + 3) + (2 + 1)


def test_size_of_containers_counts_each_member() -> None:
    assert size_of({"m": {"M": {"a": {"S": "bc"}}}}) == 1 + 3 + 3 + 1
    assert size_of({"l": {"L": [{"BOOL": True}, {"S": "abc"}]}}) == 1 + 3 + 2 + 4


@pytest.mark.parametrize(("size_bytes", "n_units"), [(0, 1), (1024, 1), (1025, 2)])
def test_write_is_charged_by_kilobytes(size_bytes: int, n_units: int) -> None:
    assert count_write_units(size_bytes) == n_units
    assert count_write_units(size_bytes, is_transaction=True) == 2 * n_units


@pytest.mark.parametrize(
    ("before", "after", "n_units"),
    [
        ({}, {"state": {"S": "PENDING"}}, 0),
        ({}, DUE, 1),
        (DUE, {}, 1),
        (DUE, DUE, 0),
        (DUE, DUE | {"state": {"S": "RUNNING"}}, 1),
        (DUE, DUE | {"due_at": {"S": "2"}}, 2),
    ],
)
def test_index_is_written_if_its_entry_changes(
    before: dict[str, dict[str, str]], after: dict[str, dict[str, str]], n_units: int
) -> None:
    assert count_index_writes(before, after, KEYS, ATTRIBUTES) == n_units


@pytest.mark.parametrize(
    ("sizes_bytes", "is_consistent", "is_query", "n_units"),
    [
        ([], True, False, 1),
        ([100], False, False, 0.5),
        ([100, 100], True, False, 2),
        ([100, 100], True, True, 1),
        ([4096, 1], True, True, 2),
    ],
)
def test_query_rounds_the_sum_and_other_reads_each_item(
    sizes_bytes: list[int], is_consistent: bool, is_query: bool, n_units: float
) -> None:
    assert count_read_units(sizes_bytes, is_consistent, is_query) == n_units
