"""The engine on AWS's own DynamoDB: crashes at every write, and many callers at once."""

import json
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Lock
from typing import Any

import pytest

from tests.fakes.engine import Engine, make_engine
from tests.fakes.faults import Crash
from tests.fakes.healing import heal_quickly
from tests.fakes.invariants import State, check_orchestrator, check_state, read_table
from tests.fakes.living import LivingAirflow
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION,
    RECONSTRUCTION_ID,
    SCAN,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    deliver,
    deliver_queue,
    make_dag_data,
    make_exam_task,
    make_raw_data,
    make_success,
    make_world,
)
from tests.integration.conftest import create_table
from workflow_manager.domain.dag_run import DagRunState
from workflow_manager.domain.errors import ConflictError, DeviceStartError, UpstreamTimeoutError
from workflow_manager.domain.exam import ExamWorkflow, TaskType
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import receive_results
from workflow_manager.settings import Settings
from workflow_manager.steps import retry_on_conflict
from workflow_manager.stores.dynamodb import DynamoDBStore

N_CALLERS = 50
N_CALLBACKS = 16
N_OBJECTS = 100
N_DELIVERIES = 3
N_WORKERS = 8
FREE_ARGS = {"dag_id": DAG_ID, "input_task_ids": "[]"}
FREE_TASK = make_exam_task(RECONSTRUCTION_ID, TaskType.PROCESSING_TASK, 1, args=FREE_ARGS)
WRITES = {"put_item", "transact_write_items"}

Walk = Callable[[Engine], None]


class CrashingClient:
    """A client of DynamoDB whose caller dies before or after the n-th write, from 0.

    The mark of the lists, which is written beside others, does not count.
    """

    def __init__(self, client: Any, n: int, when: str) -> None:
        self._client, self._n, self._when = client, n, when
        self.n_writes = 0

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)
        return self._write(operation) if name in WRITES else operation

    def _write(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def write(**request: Any) -> Any:
            if request.get("Item", {}).get("SK", {}).get("S") == "LISTS":
                return operation(**request)
            self.n_writes += 1
            is_it = self.n_writes == self._n + 1
            if is_it and self._when == "before":
                raise Crash(operation)
            answer = operation(**request)
            if is_it:
                raise Crash(operation)
            return answer

        return write


def reconstruct(engine: Engine) -> None:
    engine.process(0)
    engine.scan_goes_on(0)
    engine.put_raw(0)
    engine.deliver_object(0)
    engine.deliver_start(0)
    engine.deliver_change()


def walk_to_the_end(engine: Engine) -> None:
    reconstruct(engine)
    engine.airflow_ends(0)
    engine.call_back(0)
    engine.deliver_change()


def walk_and_cancel(engine: Engine) -> None:
    reconstruct(engine)
    engine.cancel(1)
    while engine.real.queue.changes:
        engine.deliver_change()


def walk_and_retry(engine: Engine) -> None:
    reconstruct(engine)
    engine.airflow_ends(0, is_success=False)
    engine.call_back(0)
    engine.retry(1)
    engine.deliver_start(0)
    engine.deliver_change()


def walk_and_die(client: Any, walk: Walk, n: int, when: str) -> tuple[Engine, bool]:
    """Take a walk that dies at the n-th write, and tell whether there were as many."""
    settings = Settings(table_name=f"engine-{walk.__name__}-{n}-{when}")
    create_table(client, settings.table_name)
    engine = make_engine("one")
    crashing = CrashingClient(client, n, when)
    engine.use_store(
        DynamoDBStore(crashing, settings), lambda: read_table(client, settings.table_name)
    )
    walk(engine)
    check_state(engine.read())
    return engine, crashing.n_writes > n


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("walk", "n_writes", "ends"),
    [
        (walk_to_the_end, 9, {"completed", "failed"}),
        (walk_and_cancel, 9, {"completed", "cancelled", "failed"}),
        (walk_and_retry, 12, {"completed", "failed"}),
    ],
)
def test_walk_that_dies_at_any_write_heals(
    dynamodb_local: Any, walk: Walk, n_writes: int, ends: set[str], when: str
) -> None:
    for n in count():
        # Given a walk that dies once, and goes on with the next call
        engine, has_died = walk_and_die(dynamodb_local, walk, n, when)

        # When time passes
        heal_quickly(engine)

        # Then it comes to an end by itself, with one run for each cause
        state = engine.read()
        check_state(state)
        check_orchestrator(state, engine.airflow.dag_runs)
        assert {str(each.status) for each in state.workflows} <= ends, (n, state)
        if not has_died:
            break
    assert n >= n_writes


class LockedAirflow(LivingAirflow):
    """As Airflow's own database, it takes one of two runs of one id."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()

    def trigger_dag_run(self, dag_id: str, dag_run_id: str, conf: Any) -> str | None:
        with self._lock:
            return super().trigger_dag_run(dag_id, dag_run_id, conf)


@pytest.fixture
def read(dynamodb_local: Any, settings: Settings) -> Iterator[Callable[[], State]]:
    yield lambda: read_table(dynamodb_local, settings.table_name)


def make_table_world(client: Any, settings: Settings, *tasks: Any) -> MemoryPorts:
    world = make_world(*tasks)
    airflow = LockedAirflow()
    airflow.dags = world.orchestrator.dags
    world.orchestrator = airflow
    world.store = DynamoDBStore(client, settings)  # type: ignore[assignment]
    return world


def process_at_once(world: MemoryPorts) -> list[bool]:
    """Let many callers process one workflow, and return which of them started a task."""

    def process(_: int) -> bool:
        return call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0)).is_started

    with ThreadPoolExecutor(N_CALLERS) as pool:
        return list(pool.map(process, range(N_CALLERS)))


def test_many_callers_start_one_scan(
    dynamodb_local: Any, settings: Settings, read: Callable[[], State]
) -> None:
    world = make_table_world(dynamodb_local, settings, SCAN, RECONSTRUCTION)

    is_started = process_at_once(world)

    assert sum(is_started) == 1
    assert len(world.scan.starts) == 1
    assert [event.name for event in read().events].count("claim") == 1
    check_state(read())


def test_unconfirmed_start_keeps_its_scanner_from_many_callers(
    dynamodb_local: Any, settings: Settings
) -> None:
    world = make_table_world(dynamodb_local, settings)
    world.scan.start_error = UpstreamTimeoutError("late")
    with pytest.raises(DeviceStartError):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.scan.start_error = None
    for n in range(N_WORKERS):
        scan = SCAN.model_copy(update={"id": f"scan-{n}", "workflow_id": f"w{n}"})
        world.exam.add_workflow(ExamWorkflow(id=f"w{n}", exam_id="exam-1", tasks=[scan]))

    def start(n: int) -> str | None:
        try:
            call(process_workflow, world, f"w{n}", TOKEN, at(2))
        except ConflictError as error:
            return error.detail
        return None

    with ThreadPoolExecutor(N_WORKERS) as pool:
        refusals = list(pool.map(start, range(N_WORKERS)))

    assert all("may be scanning" in (refusal or "") for refusal in refusals)
    assert len(world.scan.starts) == 1


def test_many_callers_create_one_run(
    dynamodb_local: Any, settings: Settings, read: Callable[[], State]
) -> None:
    world = make_table_world(dynamodb_local, settings, FREE_TASK)

    is_started = process_at_once(world)

    [run] = read().runs
    assert sum(is_started) == 1
    assert world.queue.dag_run_ids == [run.dag_run_id]
    assert [event.name for event in read().events].count("claim") == 1
    check_state(read())


def test_many_callbacks_of_one_workflow_are_all_taken(
    dynamodb_local: Any,
    settings: Settings,
    read: Callable[[], State],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given many runs of one workflow, and time enough for a machine that is busy
    monkeypatch.setattr(retry_on_conflict, "TOTAL_S", 120)
    args = {"dag_id": DAG_ID, "input_task_ids": json.dumps([SCAN_ID])}
    tasks = [
        make_exam_task(f"task-{n}", TaskType.PROCESSING_TASK, n + 1, args=args)
        for n in range(N_CALLBACKS)
    ]
    world = make_table_world(dynamodb_local, settings, SCAN, *tasks)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    while world.queue.dag_run_ids:
        deliver_queue(world)
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(20))
    tokens = [conf["user_token"] for conf in world.orchestrator.dag_runs.values()]
    assert len(tokens) == N_CALLBACKS

    # When all end at the same moment
    def call_back(token: str) -> None:
        call(receive_results, world, token, make_success(token.partition(".")[0]), at(100))

    with ThreadPoolExecutor(N_CALLBACKS) as pool:
        list(pool.map(call_back, tokens))

    # Then
    state = read()
    assert {run.state for run in state.runs} == {DagRunState.SUCCEEDED}
    assert [str(workflow.status) for workflow in state.workflows] == ["completed"]
    check_state(state)


def test_objects_delivered_again_and_again_have_one_run_each(
    dynamodb_local: Any, settings: Settings, read: Callable[[], State]
) -> None:
    world = make_table_world(dynamodb_local, settings)
    objects = [make_dag_data(f"upload-{n}") for n in range(N_OBJECTS)]
    deliveries = objects * N_DELIVERIES
    random.Random(1).shuffle(deliveries)  # noqa: S311 - an order, no secret

    with ThreadPoolExecutor(N_WORKERS) as pool:
        list(pool.map(lambda data: deliver(world, data), deliveries))

    state = read()
    assert len(world.orchestrator.dag_runs) == len(state.runs) == N_OBJECTS
    assert {run.state for run in state.runs} == {DagRunState.RUNNING}
    check_state(state)
    check_orchestrator(state, world.orchestrator.dag_runs)
