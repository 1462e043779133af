"""What another version wrote, or nobody can read, is left alone, shown, and stops nobody."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contracts.samples import make_run
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION_ID,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    get_task,
    make_raw_data,
    make_success,
    make_world,
)
from workflow_manager.domain.dag_run import DagRunState
from workflow_manager.domain.errors import (
    ConflictError,
    InvalidTransitionError,
    StoreUnavailableError,
)
from workflow_manager.domain.listing import ListQuery
from workflow_manager.domain.system_status import SystemStatus
from workflow_manager.domain.task import TaskStatus
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.domain.workflow import WorkflowStatus
from workflow_manager.observability import metrics
from workflow_manager.services.cancel_dag_run import cancel_dag_run
from workflow_manager.services.cancel_task import cancel_task
from workflow_manager.services.cancel_workflow import LEFT_ALONE, cancel_workflow
from workflow_manager.services.get_workflow import get_workflow
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import receive_results
from workflow_manager.services.reconcile_runs import reconcile_runs
from workflow_manager.services.retry_task import retry_task
from workflow_manager.services.trigger_task import trigger_task
from workflow_manager.settings import Settings
from workflow_manager.stores import items
from workflow_manager.stores.dynamodb import DynamoDBStore
from workflow_manager.stores.items import ItemKey

WORKFLOW = items.workflow_key(WORKFLOW_ID)
SCAN = items.task_key(WORKFLOW_ID, SCAN_ID)
RECONSTRUCTION = items.task_key(WORKFLOW_ID, RECONSTRUCTION_ID)

Change = Callable[..., dict[str, Any]]


@pytest.fixture
def world(dynamodb: Any, settings: Settings) -> MemoryPorts:
    metrics.clear_metrics()
    world = make_world()
    world.clock = lambda: at(0).at
    world.store = DynamoDBStore(dynamodb, settings)  # type: ignore[assignment]
    return world


@pytest.fixture
def change(dynamodb: Any, settings: Settings) -> Change:
    """Write attributes as another version would, and return the item."""

    def write(key: ItemKey, *gone: str, **attributes: Any) -> dict[str, Any]:
        place = {"TableName": settings.table_name}
        item = dynamodb.get_item(**place, Key=items.encode_key(key))["Item"] | attributes
        item = {name: value for name, value in item.items() if name not in gone}
        dynamodb.put_item(**place, Item=item)
        return item

    return write


@pytest.fixture
def read(dynamodb: Any, settings: Settings) -> Callable[[ItemKey], Any]:
    def get(key: ItemKey) -> Any:
        answer = dynamodb.get_item(TableName=settings.table_name, Key=items.encode_key(key))
        return answer.get("Item")

    return get


# What a task of another version, or one that somebody has spoilt, may look like.
FOREIGN = {
    "unknown state": {"status": {"S": "PAUSED"}},
    "unknown type": {"task_type": {"S": "SPECTROSCOPY_TASK"}},
    "another shape": {"args": {"L": []}, "input_task_ids": {"M": {}}, "status": {"N": "1"}},
    "impossible time": {
        "updated_at": {"S": "9999-12-31T23:59:59Z"},
        "is_mirror_due": {"BOOL": True},
    },
}


@pytest.fixture(params=FOREIGN)
def foreign(request: pytest.FixtureRequest, world: MemoryPorts, change: Change) -> dict[str, Any]:
    """A running scan, and its reconstruction as another version has written it."""
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    return change(RECONSTRUCTION, **FOREIGN[request.param])


def show(world: MemoryPorts) -> TaskGraph:
    workflow = world.store.get_workflow(WORKFLOW_ID)
    return call(get_workflow, world, WORKFLOW_ID, workflow, at(1))


def test_unknown_task_is_shown_as_such(world: MemoryPorts, foreign: dict[str, Any]) -> None:
    shown = show(world).tasks[RECONSTRUCTION_ID]
    assert (shown.status, shown.progress) == (TaskStatus.UNKNOWN, 0)
    assert "Another version" in (shown.reason or "")


def test_scan_beside_an_unknown_task_is_cancelled(
    world: MemoryPorts, foreign: dict[str, Any], read: Callable[[ItemKey], Any]
) -> None:
    _, detail = call(cancel_workflow, world, WORKFLOW_ID, at(1))
    assert LEFT_ALONE in detail
    assert get_task(world, SCAN_ID).status is TaskStatus.CANCELLED
    assert read(RECONSTRUCTION) == foreign
    with pytest.raises(InvalidTransitionError, match="left alone"):
        call(cancel_workflow, world, WORKFLOW_ID, at(2))


def test_data_of_a_scan_beside_an_unknown_task_arrives_and_starts_nothing(
    world: MemoryPorts, foreign: dict[str, Any], read: Callable[[ItemKey], Any]
) -> None:
    deliver(world, make_raw_data(), 5)
    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED
    assert world.queue.dag_run_ids == []
    assert read(RECONSTRUCTION) == foreign


def test_scan_before_an_unknown_task_is_repeated(
    world: MemoryPorts, foreign: dict[str, Any], read: Callable[[ItemKey], Any]
) -> None:
    deliver(world, make_raw_data(), 5)
    call(retry_task, world, WORKFLOW_ID, SCAN_ID, TOKEN, at(6))
    assert get_task(world, SCAN_ID).attempt == 2
    assert read(RECONSTRUCTION) == foreign


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize("act", [cancel_task, retry_task, trigger_task])
def test_unknown_task_is_neither_cancelled_nor_started(
    world: MemoryPorts, act: Callable[..., Any]
) -> None:
    args = {
        cancel_task: (WORKFLOW_ID, RECONSTRUCTION_ID),
        retry_task: (WORKFLOW_ID, RECONSTRUCTION_ID, TOKEN),
        trigger_task: (RECONSTRUCTION_ID, TOKEN),
    }[act]
    with pytest.raises(ConflictError, match="Another version"):
        call(act, world, *args, at(1))


def test_data_for_an_unknown_scan_is_kept_in_the_audit_trail(
    world: MemoryPorts, change: Change, read: Callable[[ItemKey], Any]
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    paused = change(SCAN, status={"S": "PAUSED"})
    deliver(world, make_raw_data(), 5)
    trail = world.store.list_events(f"workflow:{WORKFLOW_ID}")
    assert trail[-1].name == "late_data"
    assert read(SCAN) == paused


def test_unknown_scan_keeps_its_device(world: MemoryPorts, change: Change) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    change(SCAN, status={"S": "PAUSED"})
    lock = world.store.get_device_lock("simulated-scanner")
    assert lock.is_held_by(get_task(world, SCAN_ID), at(1).at)


def test_workflow_of_an_unknown_state_lets_its_scan_be_cancelled_and_starts_nothing(
    world: MemoryPorts, change: Change, read: Callable[[ItemKey], Any]
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    change(WORKFLOW, status={"S": "locked"})
    assert show(world).workflow.status is WorkflowStatus.UNKNOWN

    deliver(world, make_raw_data(), 5)
    assert world.queue.dag_run_ids == []
    with pytest.raises(ConflictError, match="Another version"):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(6))
    call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(7))

    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.CANCELLED
    assert read(WORKFLOW)["status"] == {"S": "locked"}


def start_reconstruction(world: MemoryPorts) -> str:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data(), 5)
    [dag_run_id] = world.queue.dag_run_ids
    deliver_queue(world)
    return dag_run_id


def test_unknown_run_is_shown_and_left_alone(
    world: MemoryPorts, change: Change, read: Callable[[ItemKey], Any]
) -> None:
    dag_run_id = start_reconstruction(world)
    token = callback_token(world, dag_run_id)
    paused = change(items.dag_run_key(dag_run_id), state={"S": "SUSPENDED"})

    query = ListQuery(since=at(-60).at, until=at(60).at, limit=10)
    assert [run.state for run in world.store.list_dag_runs(query).items] == [DagRunState.UNKNOWN]
    with pytest.raises(InvalidTransitionError, match="Another version"):
        call(cancel_dag_run, world, dag_run_id, at(20))
    with pytest.raises(StoreUnavailableError):
        call(receive_results, world, token, make_success(dag_run_id), at(21))

    assert read(items.dag_run_key(dag_run_id)) == paused


def test_run_of_an_unknown_task_ends_when_a_version_knows_the_task(
    world: MemoryPorts, change: Change
) -> None:
    dag_run_id = start_reconstruction(world)
    token = callback_token(world, dag_run_id)
    change(RECONSTRUCTION, status={"S": "PAUSED"})
    with pytest.raises(StoreUnavailableError):
        call(receive_results, world, token, make_success(dag_run_id), at(21))

    change(RECONSTRUCTION, status={"S": "IN_PROGRESS"})
    call(receive_results, world, token, make_success(dag_run_id), at(22))

    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.COMPLETED


@pytest.mark.parametrize(
    "shape",
    [
        {"degraded": {"M": {}}},
        {"cursor": {"S": "elsewhere"}},
        {"lease_until": {"S": "noon"}},
        {"version": {"S": "new"}},
        {"checked_at": {"M": {}}, "version": {"M": {}}},
        {"n_stumbles": {"S": "many"}},
    ],
    ids=str,
)
def test_status_of_another_shape_is_degraded_and_written_anew(
    world: MemoryPorts, change: Change, shape: dict[str, Any]
) -> None:
    world.store.commit([SystemStatus()])
    change(items.STATUS_KEY, **shape)
    assert "reconciler" in world.store.get_system_status().degraded_at(at(1).at)

    call(reconcile_runs, world, at(60, "reconcile_runs"))

    assert world.store.get_system_status().degraded_at(at(61).at) == []


@pytest.mark.parametrize("gone", [[], ["version"]])
def test_status_without_a_version_is_written_anew(
    world: MemoryPorts, change: Change, gone: list[str]
) -> None:
    world.store.commit([SystemStatus()])
    change(items.STATUS_KEY, *gone, degraded={"N": "1"})
    call(reconcile_runs, world, at(60, "reconcile_runs"))
    assert world.store.get_system_status().degraded_at(at(61).at) == []


def test_device_whose_lock_cannot_be_read_starts_no_scan(
    world: MemoryPorts, change: Change
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    change(items.device_key("simulated-scanner"), attempt={"S": "first"})
    with pytest.raises(StoreUnavailableError, match="Another version"):
        world.store.get_device_lock("simulated-scanner")


SPOILT: tuple[dict[str, Any], ...] = (
    {"state": {"S": "SUSPENDED"}},
    {"deadline": {"S": "soon"}},
    {"results": {"N": "1"}, "inputs": {"S": ""}},
    {"version": {"S": "x"}},
)


def test_unreadable_due_items_hide_nothing_and_ring(
    world: MemoryPorts,
    change: Change,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Given more of them than the index gives at once, all more overdue than a healthy one
    times = {"created_at": at(-3600).at, "deadline": at(86400).at, "dag_id": DAG_ID}
    for n in range(120):
        due = at(-900 + n).at
        world.store.commit([make_run(f"spoilt-{n:03}").evolve(next_attempt_at=due, **times)])
        change(items.dag_run_key(f"spoilt-{n:03}"), **SPOILT[n % len(SPOILT)])
    world.store.commit([make_run("healthy").evolve(next_attempt_at=at(0).at, **times)])

    call(reconcile_runs, world, at(60, "reconcile_runs"))

    assert world.queue.dag_run_ids == ["healthy"]
    told = {key for record in caplog.records for key in getattr(record, "keys", [])}
    assert told == {f"DAGRUN#spoilt-{n:03}/DAGRUN" for n in range(120)}
    assert '"Degraded":[100.0,' in capsys.readouterr().out
