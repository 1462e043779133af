"""One item never stops another: whatever one does to a turn, all others have theirs within two."""

from collections.abc import Iterator

import pytest

from tests.fakes.stuck import (
    FAULTS,
    KINDS,
    Stuck,
    list_unserved,
    make_hospital,
    make_unreadable,
    take_turns,
)

# Airflow is asked for many at once: whoever kills that is met from one end, then from the other.
SHARED = {"orchestrator.list_dag_runs", "orchestrator.list_task_instances"}
# A change of the reconciler that makes it touch items by fewer calls is to be seen.
LEAST_N_OPERATIONS = 3


def list_operations(kind: str) -> list[str]:
    """Return every call that a healthy item of a kind is named in until it is served."""
    stuck = Stuck("stuck")
    take_turns(make_hospital(kind), stuck, 2)
    return sorted(stuck.seen)


def list_points() -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        for operation in list_operations(kind):
            yield kind, operation


POINTS = list(list_points())


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_served_and_touched(kind: str) -> None:
    world = make_hospital(kind)
    take_turns(world, Stuck("none"), 1)
    assert list_unserved(world) == []
    assert len(list_operations(kind)) >= LEAST_N_OPERATIONS - (kind == "pending_run")


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("kind", "operation"), POINTS)
def test_healthy_items_are_served_within_two_turns(
    kind: str, operation: str, fault: str, is_first: bool
) -> None:
    world = make_hospital(kind, is_first=is_first)
    is_before = operation in SHARED and not is_first
    take_turns(world, Stuck("stuck", operation, fault), 3 if is_before else 2)
    assert list_unserved(world) == []


@pytest.mark.parametrize("kind", KINDS)
def test_unreadable_item_is_left_alone_and_others_are_served(kind: str) -> None:
    world = make_hospital(kind)
    foreign = make_unreadable(world, "stuck")
    take_turns(world, Stuck("stuck"), 2)
    assert list_unserved(world) == []
    assert foreign in world.store._entities.values()
