import pytest

from tests.fakes.clients import CreatedResult
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    RECONSTRUCTION_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    deliver_queue,
    follow,
    get_status,
    get_task,
    make_exam_task,
    make_world,
)
from workflow_manager.domain.exam import ItemStatus, ResultType, TaskType
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.simulate_reconstruction import simulate_reconstruction
from workflow_manager.services.trigger_task import trigger_task

ARGS = {"simulate": "true", "contrast": "T1"}


def make_simulated_world(**args: str) -> MemoryPorts:
    return make_world(
        make_exam_task(RECONSTRUCTION_ID, TaskType.RECONSTRUCTION_TASK, 1, args=args or ARGS)
    )


def start(world: MemoryPorts) -> str:
    call(trigger_task, world, RECONSTRUCTION_ID, TOKEN, at(0))
    follow(world, 1)
    deliver_queue(world, 1)
    return get_task(world, RECONSTRUCTION_ID).dag_run_id or ""


def take_step(world: MemoryPorts) -> None:
    run_id, step, _ = world.queue.simulation_steps.pop(0)
    call(simulate_reconstruction, world, run_id, step, at(2 * step, "simulate_reconstruction"))
    follow(world, 2 * step)


def get_progress(world: MemoryPorts) -> int:
    run_id = get_task(world, RECONSTRUCTION_ID).dag_run_id or ""
    run = world.store.get_dag_run(run_id)
    assert run is not None
    return run.progress


def test_simulate_reconstruction_steps_to_the_result_as_scanhub_did() -> None:
    world = make_simulated_world()
    start(world)
    progress, delays_s = [], []
    while world.queue.simulation_steps:
        delays_s.append(world.queue.simulation_steps[0][2])
        take_step(world)
        progress.append(get_progress(world))

    assert progress == [25, 50, 75, 100]
    assert delays_s == [2, 2, 2, 2]
    assert world.exam.results == [CreatedResult(RECONSTRUCTION_ID, ResultType.DICOM, "", "T1")]
    reported = [(report.status, report.progress) for report in world.exam.reports]
    assert reported == [
        (ItemStatus.STARTED, 0),
        (ItemStatus.STARTED, 25),
        (ItemStatus.STARTED, 50),
        (ItemStatus.STARTED, 75),
        (ItemStatus.FINISHED, 100),
    ]
    assert get_status(world) == "completed"
    assert world.orchestrator.dag_runs == {}


def test_simulate_reconstruction_goes_only_forwards_when_messages_come_again() -> None:
    world = make_simulated_world()
    run_id = start(world)
    for step in (1, 2, 1, 3, 2, 4, 4, 3):
        call(simulate_reconstruction, world, run_id, step, at(10))
        follow(world)

    progress = [report.progress for report in world.exam.reports]
    assert progress == sorted(progress)
    assert len(world.exam.results) == 1
    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.COMPLETED


def test_simulate_reconstruction_takes_a_step_before_the_start_is_marked() -> None:
    world = make_simulated_world()
    call(trigger_task, world, RECONSTRUCTION_ID, TOKEN, at(0))
    run_id = world.queue.dag_run_ids[0]

    call(simulate_reconstruction, world, run_id, 1, at(2))

    assert get_progress(world) == 25
    assert world.queue.simulation_steps == [(run_id, 2, 2)]


def test_simulate_reconstruction_fails_the_task_without_a_contrast() -> None:
    world = make_simulated_world(simulate="true")
    start(world)
    while world.queue.simulation_steps:
        take_step(world)

    task = get_task(world, RECONSTRUCTION_ID)
    assert task.status is TaskStatus.FAILED
    assert task.reason is not None
    assert "contrast" in task.reason
    assert world.exam.results == []


def test_simulate_reconstruction_stands_in_where_there_is_no_airflow() -> None:
    world = make_simulated_world(contrast="T2")
    world.settings = world.settings.model_copy(update={"airflow_url": ""})
    start(world)
    while world.queue.simulation_steps:
        take_step(world)

    assert [result.filename for result in world.exam.results] == ["T2"]


@pytest.mark.parametrize("step", [1, 4])
def test_simulate_reconstruction_ignores_runs_that_it_does_not_know(step: int) -> None:
    world = make_simulated_world()

    call(simulate_reconstruction, world, "unknown", step, at(0))

    assert world.queue.simulation_steps == []
    assert world.store.get_execution(WORKFLOW_ID) is None
