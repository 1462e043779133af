"""Releases side by side: each reads, works on and leaves whole what the one before has written."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.engine import Engine, make_engine
from tests.fakes.healing import heal_quickly
from tests.fakes.invariants import read_table
from tests.fakes.item_walk import ENUMS, FOLDER, SHAPES, kind_of, read_items, walk
from tests.fakes.ports import call
from tests.fakes.world import at
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.domain.task import TaskStatus
from workflow_manager.domain.workflow import WorkflowStatus
from workflow_manager.services.cancel_workflow import cancel_workflow
from workflow_manager.services.get_workflow import get_workflow
from workflow_manager.settings import Settings
from workflow_manager.stores.dynamodb import DynamoDBStore

RELEASES = sorted(FOLDER.glob("*.json"))
FOREIGN = {"M": {"until": {"S": "noon"}}}


def read_release(path: Path) -> dict[str, Any]:
    release: dict[str, Any] = json.loads(path.read_text())
    return release


def load(client: Any, table_name: str, path: Path) -> None:
    for item in read_release(path)["items"]:
        client.put_item(TableName=table_name, Item=item)


@pytest.fixture(params=RELEASES, ids=lambda path: path.stem)
def engine(request: pytest.FixtureRequest, dynamodb: Any, settings: Settings) -> Engine:
    """The day after, with today's code on the items of a release."""
    load(dynamodb, settings.table_name, request.param)
    engine = make_engine(*SHAPES)
    store = DynamoDBStore(dynamodb, settings)
    engine.use_store(store, lambda: read_table(dynamodb, settings.table_name))
    for task in engine.read().tasks:
        if task.status is TaskStatus.IN_PROGRESS and task.task_type.is_device_task:
            told = {"status": ItemStatus.STARTED}
            engine.real.exam.tasks[task.task_id] = engine.real.exam.tasks[task.task_id].model_copy(
                update=told
            )
    engine.wait(120)
    return engine


def test_each_item_of_a_release_is_read(engine: Engine) -> None:
    state = engine.read()
    assert len(state.workflows) == len(SHAPES)
    for workflow in state.workflows:
        shown = call(get_workflow, engine.ports, workflow.workflow_id, workflow, at(120))
        assert shown.tasks
        assert all(task.status is not TaskStatus.UNKNOWN for task in shown.tasks.values())


def test_what_a_release_began_comes_to_its_end(engine: Engine) -> None:
    assert engine.process(2)
    heal_quickly(engine)
    assert all(each.status is not WorkflowStatus.RUNNING for each in engine.read().workflows)


def test_what_a_release_began_is_cancelled(engine: Engine) -> None:
    for workflow_id in engine.workflow_ids[:3]:
        after, _ = call(cancel_workflow, engine.ports, workflow_id, at(120))
        assert after.graph.workflow.status is WorkflowStatus.CANCELLED


def test_raw_data_of_a_scan_that_a_release_started_arrives(engine: Engine) -> None:
    engine.put_raw(1)
    engine.deliver_object(0)
    task = engine.task("w1-scan")
    assert task is not None
    assert task.status is TaskStatus.COMPLETED


@pytest.fixture
def today(dynamodb: Any, settings: Settings) -> list[dict[str, Any]]:
    walk(dynamodb, settings.table_name)
    return read_items(dynamodb, settings.table_name)


def types_by_kind(found: list[dict[str, Any]]) -> dict[tuple[str, str], set[str]]:
    types: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in found:
        for name, value in item.items():
            types[kind_of(item), name] |= set(value)
    return types


@pytest.mark.parametrize("path", RELEASES[-2:], ids=lambda path: path.stem)
def test_release_before_reads_the_items_of_today(path: Path, today: list[dict[str, Any]]) -> None:
    release = read_release(path)
    before, now = types_by_kind(release["items"]), types_by_kind(today)
    for (kind, name), types in before.items():
        # An attribute that is None in the one may have a value in the other.
        assert now[kind, name] - {"NULL"} <= types or types == {"NULL"}, (kind, name)
    for item in today:
        kind = kind_of(item)
        assert set(release["required"].get(kind, [])) <= item.keys()
        for name in ENUMS.get(kind, {}):
            assert item[name]["S"] in release["values"][kind][name]


def test_what_only_a_later_release_knows_outlives_a_write_of_this_one(
    dynamodb: Any, settings: Settings
) -> None:
    # Given items to which a later release has added something
    load(dynamodb, settings.table_name, RELEASES[-1])
    for item in read_items(dynamodb, settings.table_name):
        if kind_of(item) in ENUMS:
            dynamodb.put_item(TableName=settings.table_name, Item=item | {"pause": FOREIGN})
    engine = make_engine(*SHAPES)
    engine.use_store(
        DynamoDBStore(dynamodb, settings), lambda: read_table(dynamodb, settings.table_name)
    )
    engine.wait(120)

    # When this one ends all that is under way
    heal_quickly(engine)

    # Then it is there still
    written = [item for item in read_items(dynamodb, settings.table_name) if kind_of(item) in ENUMS]
    n_old = len([item for item in written if item.get("pause") == FOREIGN])
    assert n_old == len(
        [item for item in read_release(RELEASES[-1])["items"] if kind_of(item) in ENUMS]
    )
