"""Request units of DynamoDB on demand, from what is asked and answered.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Item = Mapping[str, Mapping[str, Any]]

WRITE_UNIT_BYTES = 1024
READ_UNIT_BYTES = 4096
_N_WRITES_OF_A_TRANSACTION = 2
_CONTAINER_BYTES = 3


def size_of(item: Item) -> int:
    """Return the size of an item as DynamoDB counts it [bytes].

    Parameters
    ----------
    item
        Its attributes, as the API takes them.
    """
    return sum(len(name.encode()) + _size_of_value(value) for name, value in item.items())


def _size_of_value(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    if kind == "N":
        return len(content) // 2 + 1
    if kind == "M":
        return _CONTAINER_BYTES + size_of(content) + len(content)
    if kind == "L":
        return _CONTAINER_BYTES + sum(_size_of_value(each) + 1 for each in content)
    if kind in ("SS", "NS", "BS"):
        return sum(len(each) for each in content)
    return len(content.encode()) if kind == "S" else 1 if kind in ("BOOL", "NULL") else len(content)


def count_write_units(size_bytes: int, is_transaction: bool = False) -> int:
    """Return the units of one write to the table.

    Parameters
    ----------
    size_bytes
        Of the larger of the item before and after [bytes].
    is_transaction
        Whether it is a part of one, which counts twice.
    """
    n_units = max(1, math.ceil(size_bytes / WRITE_UNIT_BYTES))
    return n_units * _N_WRITES_OF_A_TRANSACTION if is_transaction else n_units


def count_index_writes(
    before: Item, after: Item, keys: Sequence[str], attributes: Sequence[str]
) -> int:
    """Return the units that a write costs in a sparse index of small entries.

    Parameters
    ----------
    before, after
        The item; empty where there is none.
    keys
        The index's own; an item that lacks one has no entry.
    attributes
        What else the index holds.
    """
    old, new = (all(key in item for key in keys) for item in (before, after))
    if not old or not new:
        return int(old or new)
    if any(before[key] != after[key] for key in keys):
        # A key cannot change: one entry goes, another one comes.
        return 2
    return int(any(before.get(name) != after.get(name) for name in attributes))


def count_read_units(sizes_bytes: Sequence[int], is_consistent: bool, is_query: bool) -> float:
    """Return the units of one read request.

    Parameters
    ----------
    sizes_bytes
        Of the items that it read [bytes]; nothing found counts like something small.
    is_consistent
        Else it costs half.
    is_query
        A query rounds the sum, other reads round each item.
    """
    rounded = [sum(sizes_bytes)] if is_query or not sizes_bytes else sizes_bytes
    n_units = sum(max(1, math.ceil(size / READ_UNIT_BYTES)) for size in rounded)
    return n_units if is_consistent else n_units / 2
