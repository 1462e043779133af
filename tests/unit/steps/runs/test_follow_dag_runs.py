"""What the reconciler finds out in Airflow: lost callbacks, lost marks, lost runs, progress."""

from datetime import datetime

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION_ID,
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
    make_success,
    make_world,
)
from workflow_manager.domain.dag_run import DagRun, DagRunState, object_dag_run_id
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.errors import UpstreamTimeoutError, UpstreamUnreachableError
from workflow_manager.domain.exam import ResultType, TaskType
from workflow_manager.domain.orchestrator_run import OrchestratorRunState, TaskInstance
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results
from workflow_manager.services.reconcile_runs import reconcile_runs

RUN_ID = object_dag_run_id(make_dag_data())


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def get_run(world: MemoryPorts, run_id: str = RUN_ID) -> DagRun:
    run = world.store.get_dag_run(run_id)
    assert run is not None
    return run


def reconcile(world: MemoryPorts, seconds: float) -> None:
    call(reconcile_runs, world, at(seconds, "reconcile_runs"))


def time(seconds: float) -> datetime:
    return at(seconds).at


def end_in_airflow(world: MemoryPorts, run_id: str, seconds: float, state: str = "success") -> None:
    if state == "success":
        world.lake.put(f"result/{run_id}/image.dcm", b"1", "")
    world.orchestrator.finish(DAG_ID, run_id, OrchestratorRunState(state), time(seconds))


def reconstruct(world: MemoryPorts) -> str:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world)
    return get_task(world, RECONSTRUCTION_ID).dag_run_id or ""


def test_lost_callback_of_success_is_healed_with_the_files_that_the_run_left(
    world: MemoryPorts,
) -> None:
    run_id = reconstruct(world)
    for name in ("image.dcm", "k.npz", "preview.JPG", "quality.json", "raw.mrd"):
        world.lake.put(f"result/{run_id}/{name}", b"1", "")
    end_in_airflow(world, run_id, 30)

    reconcile(world, 120)

    assert get_status(world) == "completed"
    results = get_run(world, run_id).results
    assert [(each.type, each.key.rsplit("/", 1)[1]) for each in results] == [
        (ResultType.DICOM, "image.dcm"),
        (ResultType.NUMPY, "k.npz"),
        (ResultType.CALIBRATION, "quality.json"),
        (ResultType.MRD, "raw.mrd"),
    ]
    assert results[0].preview_key == f"result/{run_id}/preview.JPG"
    follow(world)
    assert world.exam.results[0].filename == "image.dcm"


def test_lost_callback_of_a_series_brings_all_of_it(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    for number in range(499):
        world.lake.put(f"result/{run_id}/image-{number:04}.dcm", b"1", "")
    end_in_airflow(world, run_id, 30)

    reconcile(world, 120)

    assert len(get_run(world, run_id).results) == 500


def test_lost_callback_of_more_than_can_be_told_is_no_half_series(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    for number in range(1001):
        world.lake.put(f"result/{run_id}/image-{number:04}.dcm", b"1", "")
    end_in_airflow(world, run_id, 30)

    reconcile(world, 120)

    run = get_run(world, run_id)
    assert (run.state, run.results) == (DagRunState.FAILED, ())
    assert run.reason == "The DAG left more files than can be told of without its callback."


def test_lost_callback_of_success_starts_the_next_task() -> None:
    then = make_exam_task("then", TaskType.PROCESSING_TASK, 3, args={"dag_id": DAG_ID})
    world = make_world(*make_world().exam.tasks.values(), then)
    run_id = reconstruct(world)
    world.lake.put(f"result/{run_id}/image.dcm", b"1", "")
    end_in_airflow(world, run_id, 30)

    reconcile(world, 120)
    deliver_queue(world, 121)

    assert get_task(world, "then").status is TaskStatus.IN_PROGRESS
    assert len(world.orchestrator.dag_runs) == 2


def test_lost_callback_of_failure_names_the_task_that_failed(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    world.orchestrator.task_instances[DAG_ID, run_id] = [
        TaskInstance(dag_run_id=run_id, task_id="load", state="success"),
        TaskInstance(dag_run_id=run_id, task_id="fft", state="failed"),
        TaskInstance(dag_run_id=run_id, task_id="write", state="upstream_failed"),
    ]
    end_in_airflow(world, run_id, 30, "failed")

    reconcile(world, 120)

    assert get_task(world, RECONSTRUCTION_ID).reason == "The DAG failed in Airflow, in fft."


def test_failure_without_a_callback_is_told_at_the_next_turn_with_the_exceptions_type(
    world: MemoryPorts,
) -> None:
    run_id = reconstruct(world)
    world.orchestrator.task_instances[DAG_ID, run_id] = [
        TaskInstance(dag_run_id=run_id, task_id="b", state="failed", ended_at=time(40)),
        TaskInstance(dag_run_id=run_id, task_id="a", state="failed", ended_at=time(50)),
    ]
    world.orchestrator.exception_types[run_id, "b"] = "KeyError"
    end_in_airflow(world, run_id, 59, "failed")

    reconcile(world, 60)

    task = get_task(world, RECONSTRUCTION_ID)
    assert task.reason == "The DAG failed in Airflow, in b (KeyError), a."
    assert (task.status, get_status(world)) == (TaskStatus.FAILED, "failed")


def test_failure_is_told_although_its_log_cannot_be_read(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    failed = TaskInstance(dag_run_id=run_id, task_id="fft", state="failed")
    world.orchestrator.task_instances[DAG_ID, run_id] = [failed]
    world.orchestrator.fail_with["find_exception_type"] = UpstreamTimeoutError("Too slow.")
    end_in_airflow(world, run_id, 59, "failed")

    reconcile(world, 60)

    assert get_task(world, RECONSTRUCTION_ID).reason == "The DAG failed in Airflow, in fft."


def test_dags_own_sentence_takes_the_place_of_airflows(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    token = callback_token(world, run_id)
    end_in_airflow(world, run_id, 59, "failed")
    reconcile(world, 60)

    for _ in range(2):
        told = Callback(success=False, error="The file is not ISMRMRD.")
        call(receive_results, world, token, told, at(61))
    follow(world, 62)

    assert get_run(world, run_id).reason == "The file is not ISMRMRD."
    assert get_task(world, RECONSTRUCTION_ID).reason == "The file is not ISMRMRD."
    assert world.exam.reports[-1].word == "The file is not ISMRMRD."
    lines = world.store.list_events(f"workflow:{WORKFLOW_ID}")
    assert [line.name for line in lines].count("explain") == 1


@pytest.mark.parametrize("needs_results", [True, False])
def test_success_without_callback_and_files_is_a_failure_where_results_are_needed(
    world: MemoryPorts, needs_results: bool
) -> None:
    run_id = reconstruct(world)
    world.store.commit([get_run(world, run_id).evolve(needs_results=needs_results)])
    world.orchestrator.finish(DAG_ID, run_id, OrchestratorRunState.SUCCESS, time(30))

    reconcile(world, 120)

    run = get_run(world, run_id)
    sentence = "The DAG cartesian_reconstruction reported success without a result."
    expected = (DagRunState.FAILED, sentence) if needs_results else (DagRunState.SUCCEEDED, None)
    assert (run.state, run.reason) == expected


def test_version_of_the_dag_is_found_though_the_answer_to_the_start_was_lost(
    world: MemoryPorts,
) -> None:
    run_id = reconstruct(world)
    world.store.commit([get_run(world, run_id).evolve(dag_version=None)])
    end_in_airflow(world, run_id, 59, "failed")

    reconcile(world, 60)

    assert get_run(world, run_id).dag_version == "1"


def test_callback_that_is_under_way_is_waited_for(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    end_in_airflow(world, run_id, 100)

    reconcile(world, 110)

    assert get_run(world, run_id).state is DagRunState.RUNNING


def test_callback_after_its_run_was_healed_is_accepted(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    token = callback_token(world, run_id)
    end_in_airflow(world, run_id, 30)
    reconcile(world, 120)

    after = call(receive_results, world, token, make_success(run_id), at(130))

    assert after.state is DagRunState.SUCCEEDED


def test_run_that_ended_in_time_is_not_failed_by_a_late_reconciler(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    end_in_airflow(world, run_id, 30)

    reconcile(world, 100_000)

    assert get_run(world, run_id).state is DagRunState.SUCCEEDED


def test_run_past_its_deadline_is_stopped_in_airflow(world: MemoryPorts) -> None:
    run_id = reconstruct(world)

    reconcile(world, 11 + world.settings.reconstruction_task_timeout_s)

    assert get_run(world, run_id).state is DagRunState.FAILED
    follow(world)
    assert world.orchestrator.cancelled == [(DAG_ID, run_id)]


def test_start_whose_mark_was_lost_is_found(world: MemoryPorts) -> None:
    # Given a start whose answer was lost, and a queue that is away
    trigger = world.orchestrator.trigger_dag_run

    def unanswered(dag_id: str, dag_run_id: str, conf: dict[str, object]) -> None:
        trigger(dag_id, dag_run_id, conf)  # type: ignore[arg-type]
        raise UpstreamTimeoutError("Airflow failed.")

    world.orchestrator.trigger_dag_run = unanswered  # type: ignore[method-assign,assignment]
    deliver(world, make_dag_data(), seconds=0)
    world.queue.error = UpstreamUnreachableError("The queue is away.")
    assert get_run(world).state is DagRunState.PENDING

    reconcile(world, 60)

    assert get_run(world).state is DagRunState.RUNNING


def test_run_that_somebody_deleted_in_airflow_fails_with_that_reason(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    world.orchestrator.dag_runs.clear()

    reconcile(world, 60)
    assert get_run(world, run_id).state is DagRunState.RUNNING
    reconcile(world, 300)

    task = get_task(world, RECONSTRUCTION_ID)
    assert (task.status, task.reason) == (
        TaskStatus.FAILED,
        "Airflow does not know the run any more.",
    )


def test_progress_follows_airflows_tasks_and_never_goes_back(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    call(receive_results, world, callback_token(world, run_id), Callback(progress=60), at(20))
    done = TaskInstance(dag_run_id=run_id, task_id="a", state="success")
    waiting = TaskInstance(dag_run_id=run_id, task_id="b", state=None)
    world.orchestrator.task_instances[DAG_ID, run_id] = [done, waiting]

    end_in_airflow(world, run_id, 0, "running")
    reconcile(world, 60)
    assert get_run(world, run_id).progress == 60

    world.orchestrator.task_instances[DAG_ID, run_id] = [done, done, done, waiting]
    reconcile(world, 120)
    follow(world, 121)
    assert get_run(world, run_id).progress == world.exam.reports[-1].progress == 75


def test_progress_leaves_100_to_the_end(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    done = TaskInstance(dag_run_id=run_id, task_id="a", state="success")
    world.orchestrator.task_instances[DAG_ID, run_id] = [done]
    reconcile(world, 60)
    assert get_run(world, run_id).progress == 99


def test_airflow_that_is_away_changes_nothing(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")

    reconcile(world, 300)

    assert get_run(world, run_id).state is DagRunState.RUNNING


def test_all_active_runs_are_followed_over_several_turns(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflow_manager.services.reconcile_runs.N_FOLLOWED", 2)
    versions = [f"v{n}" for n in range(1, 6)]
    for version_id in versions:
        deliver(world, make_dag_data(version_id=version_id), seconds=0)
    ids = [object_dag_run_id(make_dag_data(version_id=each)) for each in versions]
    for run_id in ids:
        end_in_airflow(world, run_id, 10)

    for minute in (2, 3, 4):
        reconcile(world, 60 * minute)

    assert {get_run(world, run_id).state for run_id in ids} == {DagRunState.SUCCEEDED}


@pytest.mark.parametrize("broken", range(3))
def test_run_that_cannot_be_followed_does_not_keep_the_others(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch, broken: int
) -> None:
    versions = ("v1", "v2", "v3")
    ids = [object_dag_run_id(make_dag_data(version_id=each)) for each in versions]
    for version_id, run_id in zip(versions, ids, strict=True):
        deliver(world, make_dag_data(version_id=version_id), seconds=0)
        end_in_airflow(world, run_id, 10)
    list_objects = world.lake.list_objects

    def break_one(prefix: str, limit: int) -> list[ObjectVersion]:
        if ids[broken] in prefix:
            raise ValueError
        return list_objects(prefix, limit)

    monkeypatch.setattr(world.lake, "list_objects", break_one)

    reconcile(world, 120)

    running = [i for i in ids if get_run(world, i).state is not DagRunState.SUCCEEDED]
    assert running == [ids[broken]]


def test_run_whose_results_cannot_be_listed_is_not_failed_by_its_deadline_at_once(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = reconstruct(world)
    end_in_airflow(world, run_id, 30)
    monkeypatch.setattr(world.lake, "list_objects", None)
    deadline_s = 11 + world.settings.reconstruction_task_timeout_s

    reconcile(world, deadline_s + 60)
    assert get_run(world, run_id).state is DagRunState.RUNNING
    reconcile(world, deadline_s + 3660)

    assert get_run(world, run_id).state is DagRunState.FAILED


def test_run_ends_although_its_tasks_cannot_be_listed(world: MemoryPorts) -> None:
    run_id = reconstruct(world)
    end_in_airflow(world, run_id, 30)
    world.orchestrator.fail_with["list_task_instances"] = UpstreamTimeoutError("Too slow.")

    reconcile(world, 120)

    assert get_run(world, run_id).state is DagRunState.SUCCEEDED
