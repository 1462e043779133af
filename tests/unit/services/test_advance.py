"""What starts by itself, in which graph, and with what time."""

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION_ID,
    SCAN,
    SCAN_ARGS,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    follow,
    get_status,
    get_task,
    make_dag_data,
    make_exam_task,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.dag_run import START_LEASE_S, DagRunState, object_dag_run_id
from workflow_manager.domain.errors import InvalidInputError, UpstreamUnreachableError
from workflow_manager.domain.exam import ExamTask, TaskType
from workflow_manager.domain.result import Result, result_type_of
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results
from workflow_manager.services.reconcile_runs import reconcile_runs


def make_dag_task(task_id: str, order: int, *inputs: str, **args: str) -> ExamTask:
    named = "[" + ", ".join(f'"{each}"' for each in inputs) + "]"
    given = {"dag_id": DAG_ID, "input_task_ids": named, **args}
    return make_exam_task(task_id, TaskType.PROCESSING_TASK, order, args=given)


def make_diamond() -> MemoryPorts:
    tasks = [
        make_dag_task("left", 2, SCAN_ID),
        make_dag_task("right", 3, SCAN_ID),
        make_dag_task("join", 4, "right", "left"),
    ]
    return make_world(SCAN, *tasks)


def finish(world: MemoryPorts, task_id: str, seconds: float) -> str:
    """Let the run of a task succeed, and return the key of its result."""
    deliver_queue(world, seconds)
    run_id = get_task(world, task_id).dag_run_id or ""
    key = f"result/{run_id}/{task_id}.npy"
    world.lake.put(key, b"image", "")
    results = (Result(type=result_type_of(key), key=key),)
    token = callback_token(world, run_id)
    call(receive_results, world, token, Callback(success=True, results=results), at(seconds))
    return key


def statuses(world: MemoryPorts) -> dict[str, TaskStatus]:
    execution = world.store.get_execution(WORKFLOW_ID)
    assert execution is not None
    return {task_id: task.status for task_id, task in execution.graph.tasks.items()}


def test_both_sides_of_a_diamond_start_when_the_data_is_there() -> None:
    world = make_diamond()
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    deliver(world, make_raw_data())

    assert statuses(world) == {
        SCAN_ID: TaskStatus.COMPLETED,
        "left": TaskStatus.IN_PROGRESS,
        "right": TaskStatus.IN_PROGRESS,
        "join": TaskStatus.PENDING,
    }


def test_join_starts_once_after_both_sides_and_is_given_the_data_of_both() -> None:
    world = make_diamond()
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())

    left = finish(world, "left", 20)
    assert get_task(world, "join").status is TaskStatus.PENDING
    right = finish(world, "right", 30)
    deliver_queue(world, 31)

    run_id = get_task(world, "join").dag_run_id or ""
    conf = world.orchestrator.dag_runs[DAG_ID, run_id]
    assert [each["key"] for each in conf["inputs"]] == [right, left]
    assert conf["key"] == right
    finish(world, "join", 40)
    assert get_status(world) == "completed"


def test_join_waits_while_one_side_has_failed() -> None:
    world = make_diamond()
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    finish(world, "left", 20)
    run_id = get_task(world, "right").dag_run_id or ""
    callback = Callback(success=False, error="out of memory")
    call(receive_results, world, callback_token(world, run_id), callback, at(30))

    assert get_task(world, "join").status is TaskStatus.PENDING
    assert get_status(world) == "failed"


def test_process_starts_all_dag_tasks_that_are_ready_and_one_scan() -> None:
    scan = make_exam_task(
        "scan-2", TaskType.DEVICE_TASK_SDK, 3, args={**SCAN_ARGS, "input_task_ids": "[]"}
    )
    world = make_world(SCAN, make_dag_task("free", 2), scan)

    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert statuses(world) == {
        SCAN_ID: TaskStatus.IN_PROGRESS,
        "free": TaskStatus.IN_PROGRESS,
        "scan-2": TaskStatus.PENDING,
    }


def test_scan_behind_a_scan_waits_for_the_operator() -> None:
    world = make_world(SCAN, make_exam_task("next", TaskType.DEVICE_TASK_SDK, 2, args=SCAN_ARGS))
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    deliver(world, make_raw_data())
    call(reconcile_runs, world, at(60, "reconcile_runs"))
    assert len(world.scan.starts) == 1

    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(70))
    assert len(world.scan.starts) == 2


def test_deployment_may_go_step_by_step() -> None:
    world = make_world()
    world.settings = world.settings.model_copy(update={"auto_advance": False})
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    deliver(world, make_raw_data())
    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.PENDING

    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(20))
    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.IN_PROGRESS


def test_workflow_may_go_step_by_step_until_it_is_told_otherwise() -> None:
    world = make_world(SCAN, make_dag_task("a", 2, SCAN_ID), make_dag_task("b", 3, "a"))
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0), auto_advance=False)
    deliver(world, make_raw_data())
    assert get_task(world, "a").status is TaskStatus.PENDING

    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(20), auto_advance=True)
    finish(world, "a", 30)

    assert get_task(world, "b").status is TaskStatus.IN_PROGRESS
    names = [event.name for event in world.store.list_events(f"workflow:{WORKFLOW_ID}")]
    assert [name for name in names if "auto" in name] == ["auto_advance_off", "auto_advance_on"]


def test_run_has_the_time_that_its_task_names_once_airflow_has_it() -> None:
    world = make_world(SCAN, make_dag_task("slow", 2, SCAN_ID, timeout_minutes="0.5"))
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data(), 10)
    call(reconcile_runs, world, at(100, "reconcile_runs"))
    deliver_queue(world, 101)
    assert get_task(world, "slow").status is TaskStatus.IN_PROGRESS

    call(reconcile_runs, world, at(132, "reconcile_runs"))

    task = get_task(world, "slow")
    assert task.reason == "The run did not end before its deadline, so it was stopped."
    follow(world)
    assert world.orchestrator.cancelled == [(DAG_ID, task.dag_run_id)]


@pytest.mark.parametrize("minutes", ["0", "-5", "soon", "", "nan", "inf", "10081", "1e400"])
def test_time_that_cannot_be_is_refused(minutes: str) -> None:
    world = make_world(make_dag_task("task", 1, timeout_minutes=minutes))

    with pytest.raises(InvalidInputError, match="timeout_minutes"):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert get_task(world, "task").status is TaskStatus.FAILED


def test_scan_with_a_time_that_cannot_be_is_not_started() -> None:
    args = {**SCAN_ARGS, "timeout_minutes": "never"}
    world = make_world(make_exam_task(SCAN_ID, TaskType.DEVICE_TASK_SDK, 1, args=args))

    with pytest.raises(InvalidInputError, match="timeout_minutes"):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert world.scan.starts == []


def test_second_delivery_leaves_a_start_alone_that_is_under_way() -> None:
    world = make_world()
    n_posts = 0
    trigger = world.orchestrator.trigger_dag_run

    def delivered_again(dag_id: str, dag_run_id: str, conf: dict[str, object]) -> None:
        nonlocal n_posts
        n_posts += 1
        deliver(world, make_dag_data(), 11)
        trigger(dag_id, dag_run_id, conf)  # type: ignore[arg-type]

    world.orchestrator.trigger_dag_run = delivered_again  # type: ignore[method-assign,assignment]
    deliver(world, make_dag_data(), 10)

    assert n_posts == 1


def test_start_that_broke_off_is_taken_over_after_its_lease() -> None:
    world = make_world()
    run_id = object_dag_run_id(make_dag_data())
    trigger = world.orchestrator.trigger_dag_run

    def die(*_: object) -> None:
        raise SystemExit

    world.orchestrator.trigger_dag_run = die  # type: ignore[method-assign,assignment]
    with pytest.raises(SystemExit):
        deliver(world, make_dag_data(), 0)
    world.orchestrator.trigger_dag_run = trigger  # type: ignore[method-assign]

    deliver(world, make_dag_data(), START_LEASE_S - 1)
    assert world.orchestrator.dag_runs == {}
    call(reconcile_runs, world, at(START_LEASE_S + 1, "reconcile_runs"))
    deliver_queue(world, START_LEASE_S + 2)

    run = world.store.get_dag_run(run_id)
    assert run is not None
    assert run.state is DagRunState.RUNNING


def test_start_that_airflow_refused_may_be_tried_again_at_once() -> None:
    world = make_world()
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")
    deliver(world, make_dag_data(), 0)
    world.orchestrator.outage = None

    deliver(world, make_dag_data(), 1)

    assert len(world.orchestrator.dag_runs) == 1


def test_start_by_a_function_whose_clock_is_behind_is_marked() -> None:
    # Given two runs of one moment, whose first lines in the audit trail lie close together
    world = make_diamond()
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data(), 10)

    deliver_queue(world, 8)

    runs = [world.store.get_dag_run(each) for _, each in world.orchestrator.dag_runs]
    assert [run.state for run in runs if run] == [DagRunState.RUNNING] * 2


def test_start_that_failed_is_tried_again_by_its_back_off_not_by_its_lease() -> None:
    world = make_world()
    world.orchestrator.fail_with["trigger_dag_run"] = UpstreamUnreachableError("Airflow is away.")
    deliver(world, make_dag_data(), 0)
    world.orchestrator.fail_with.clear()

    call(reconcile_runs, world, at(START_LEASE_S / 2 + 1, "reconcile_runs"))

    assert world.queue.dag_run_ids == [object_dag_run_id(make_dag_data())]
