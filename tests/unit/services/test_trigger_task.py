from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from pydicom.uid import UID

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
    make_exam_task,
    make_raw_data,
    make_success,
    make_world,
)
from workflow_manager.domain.device import DeviceLock
from workflow_manager.domain.errors import (
    ConflictError,
    DeviceStartError,
    InvalidTransitionError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
)
from workflow_manager.domain.exam import ExamWorkflow, ItemStatus, TaskType
from workflow_manager.domain.execution import SCAN_START_LEASE_S, Execution
from workflow_manager.domain.task import TaskStatus
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.services.cancel_task import cancel_task
from workflow_manager.services.cancel_workflow import cancel_workflow
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import receive_results
from workflow_manager.services.reconcile_runs import reconcile_runs
from workflow_manager.services.trigger_task import trigger_task
from workflow_manager.steps.scans.handle_device_task import EARLIER_SCAN


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def scan_and_reconstruct(world: MemoryPorts, upload_id: str = "upload-1") -> None:
    deliver(world, make_raw_data(upload_id))
    deliver_queue(world)
    run_id = get_task(world, RECONSTRUCTION_ID).dag_run_id or ""
    call(receive_results, world, callback_token(world, run_id), make_success(run_id), at(20))


@pytest.mark.parametrize("task_type", [TaskType.DEVICE_TASK_SDK, TaskType.DEVICE_TASK_SIMULATOR])
def test_trigger_task_starts_a_scan(task_type: TaskType) -> None:
    world = make_world(make_exam_task(SCAN_ID, task_type, 1, args=SCAN_ARGS))

    task = call(trigger_task, world, SCAN_ID, TOKEN, at(0))

    assert (task.status, task.attempt) == (TaskStatus.IN_PROGRESS, 1)
    assert [started for started, _ in world.scan.starts] == [task_type]
    assert world.exam.reports[0].status is ItemStatus.STARTED


def test_trigger_task_starts_one_scan_for_many_callers_at_once(world: MemoryPorts) -> None:
    def start(n: int) -> bool:
        try:
            call(trigger_task, world, SCAN_ID, TOKEN, at(0, f"operator-{n}"))
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        started = list(pool.map(start, range(50)))

    assert started.count(True) == len(world.scan.starts) == 1


def test_trigger_task_starts_a_failed_scan_anew_on_the_operators_call(world: MemoryPorts) -> None:
    world.scan.start_error = UpstreamTimeoutError("late")
    with pytest.raises(DeviceStartError):
        call(trigger_task, world, SCAN_ID, TOKEN, at(0))
    world.scan.start_error = None

    task = call(trigger_task, world, SCAN_ID, TOKEN, at(60))

    assert (task.status, task.attempt, task.reason) == (TaskStatus.IN_PROGRESS, 2, None)
    assert len(world.scan.starts) == 2


def test_trigger_task_rescan_reconstructs_the_new_data(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    scan_and_reconstruct(world)
    assert get_status(world) == "completed"
    first_run_id = get_task(world, RECONSTRUCTION_ID).dag_run_id

    call(trigger_task, world, SCAN_ID, TOKEN, at(100))
    assert get_status(world) == "running"
    # The old image stays to be seen until there is new data.
    follow(world, 101)
    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.COMPLETED
    assert world.exam.tasks[RECONSTRUCTION_ID].status is ItemStatus.FINISHED
    deliver(world, make_raw_data("upload-2"), 110)
    deliver_queue(world, 111)

    reconstruction = get_task(world, RECONSTRUCTION_ID)
    confs = [conf["key"] for conf in world.orchestrator.dag_runs.values()]
    studies = {conf["study_instance_uid"] for conf in world.orchestrator.dag_runs.values()}
    first, second = (conf["series_number"] for conf in world.orchestrator.dag_runs.values())
    assert second == first + 1
    assert len(studies) == 1
    assert UID(str(studies.pop())).is_valid
    assert reconstruction.attempt == 2
    assert reconstruction.dag_run_id != first_run_id
    assert confs == [make_raw_data("upload-1").key, make_raw_data("upload-2").key]


def test_new_data_of_a_rescan_stops_a_run_on_the_old_data(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world)
    old_run_id = get_task(world, RECONSTRUCTION_ID).dag_run_id or ""
    token = callback_token(world, old_run_id)
    call(trigger_task, world, SCAN_ID, TOKEN, at(15))
    follow(world)
    assert world.orchestrator.cancelled == []

    deliver(world, make_raw_data("upload-2"), 20)
    with pytest.raises(ConflictError):
        call(receive_results, world, token, make_success(old_run_id), at(21))

    follow(world)
    assert world.orchestrator.cancelled == [(DAG_ID, old_run_id)]
    reconstruction = get_task(world, RECONSTRUCTION_ID)
    assert (reconstruction.status, reconstruction.attempt) == (TaskStatus.IN_PROGRESS, 2)
    run = world.store.get_dag_run(reconstruction.dag_run_id or "")
    assert run is not None and run.data is not None
    assert run.data.key == make_raw_data("upload-2").key


def test_rescan_in_vain_takes_nothing_away(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    scan_and_reconstruct(world)
    before = get_task(world, RECONSTRUCTION_ID)
    call(trigger_task, world, SCAN_ID, TOKEN, at(100))

    with pytest.raises(ConflictError, match="waits for another one"):
        call(trigger_task, world, RECONSTRUCTION_ID, TOKEN, at(101))
    call(cancel_task, world, WORKFLOW_ID, SCAN_ID, at(102))
    deliver(world, make_raw_data("upload-2"), 103)

    after = get_task(world, RECONSTRUCTION_ID)
    assert (after.status, after.attempt, after.data) == (before.status, 1, before.data)


def test_rescan_lets_cancelled_tasks_wait_again_but_not_those_cancelled_since(
    world: MemoryPorts,
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    call(cancel_workflow, world, WORKFLOW_ID, at(1))
    call(trigger_task, world, SCAN_ID, TOKEN, at(20))
    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.PENDING

    call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(21))
    deliver(world, make_raw_data(), 30)

    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.CANCELLED


def test_trigger_task_rescan_leaves_later_scans_alone() -> None:
    later = make_exam_task(
        "scan-2", TaskType.DEVICE_TASK_SDK, 3, args=SCAN_ARGS, status=ItemStatus.FINISHED
    )
    world = make_world(*make_world().exam.tasks.values(), later)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    scan_and_reconstruct(world)

    call(trigger_task, world, SCAN_ID, TOKEN, at(100))

    assert get_task(world, "scan-2").status is TaskStatus.COMPLETED


def test_trigger_task_allows_one_scan_per_device(world: MemoryPorts) -> None:
    other = make_exam_task(
        "other", TaskType.DEVICE_TASK_SDK, 1, args=SCAN_ARGS, workflow_id="workflow-2"
    )
    world.exam.add_workflow(ExamWorkflow(id="workflow-2", exam_id="exam-1", tasks=[other]))
    call(trigger_task, world, SCAN_ID, TOKEN, at(0))

    with pytest.raises(ConflictError, match="scanning for another task"):
        call(trigger_task, world, "other", TOKEN, at(1))
    deliver(world, make_raw_data())

    assert call(trigger_task, world, "other", TOKEN, at(20)).status is TaskStatus.IN_PROGRESS
    assert len(world.scan.starts) == 2


def test_trigger_task_frees_the_device_when_a_start_fails(world: MemoryPorts) -> None:
    world.scan.start_error = UpstreamRefusedError("offline", 503)
    with pytest.raises(DeviceStartError):
        call(trigger_task, world, SCAN_ID, TOKEN, at(0))
    world.scan.start_error = None

    assert call(trigger_task, world, SCAN_ID, TOKEN, at(1)).status is TaskStatus.IN_PROGRESS


def test_trigger_task_refuses_a_reconstruction_whose_scan_is_not_completed(
    world: MemoryPorts,
) -> None:
    with pytest.raises(ConflictError, match="waits for another one"):
        call(trigger_task, world, RECONSTRUCTION_ID, TOKEN, at(0))

    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.PENDING
    assert [(each.status, each.progress) for each in world.exam.reports] == [(None, None)]
    assert world.queue.dag_run_ids == []


def test_trigger_task_reconstructs_again_as_the_next_attempt(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    scan_and_reconstruct(world)

    call(trigger_task, world, RECONSTRUCTION_ID, TOKEN, at(100))
    deliver_queue(world, 101)

    assert len(world.orchestrator.dag_runs) == 2
    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED


def test_trigger_task_refuses_a_task_of_no_workflow(world: MemoryPorts) -> None:
    world.exam.tasks[SCAN_ID] = SCAN.model_copy(update={"workflow_id": None})

    with pytest.raises(ConflictError, match="template"):
        call(trigger_task, world, SCAN_ID, TOKEN, at(0))


def test_trigger_task_does_not_rescan_for_a_call_that_came_while_another_failed(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a second call that has read the task, while the first one starts and is not confirmed
    world.scan.start_error = UpstreamTimeoutError("late")
    get_lock = world.store.get_device_lock
    calls = iter([True, False, False])

    def first_call_comes_between(device_id: str) -> DeviceLock:
        if next(calls):
            with pytest.raises(DeviceStartError):
                call(trigger_task, world, SCAN_ID, TOKEN, at(0))
        return get_lock(device_id)

    monkeypatch.setattr(world.store, "get_device_lock", first_call_comes_between)

    # When the second one goes on
    with pytest.raises(ConflictError, match="Another call"):
        call(trigger_task, world, SCAN_ID, TOKEN, at(0))

    # Then it has started nothing
    assert len(world.scan.starts) == 1


def test_trigger_task_reports_nothing_on_a_rescan_that_runs(world: MemoryPorts) -> None:
    world.scan.start_error = UpstreamRefusedError("offline", 503)
    with pytest.raises(DeviceStartError):
        call(trigger_task, world, SCAN_ID, TOKEN, at(0))
    follow(world, 1)
    world.scan.start_error = None
    call(trigger_task, world, SCAN_ID, TOKEN, at(10))
    n_reports = len(world.exam.reports)

    for minute in range(1, 60):
        call(reconcile_runs, world, at(60 * minute, "reconcile_runs"))

    assert len(world.exam.reports) == n_reports
    assert world.exam.reports[-1].status is ItemStatus.STARTED
    # The warning of the first attempt is gone.
    assert world.exam.reports[-1].word is None


def test_new_data_resets_tasks_created_before_those_they_build_on() -> None:
    b = make_exam_task(
        "b", TaskType.PROCESSING_TASK, 0, args={"dag_id": "x", "input_task_ids": '["a"]'}
    )
    a = make_exam_task(
        "a", TaskType.PROCESSING_TASK, 1, args={"dag_id": "x", "input_task_ids": f'["{SCAN_ID}"]'}
    )
    done = {"status": ItemStatus.FINISHED}
    first = {"args": SCAN_ARGS | {"input_task_ids": "[]"}}
    scan = SCAN.model_copy(update={**done, **first, "datetime_created": datetime(2026, 11, 23, 21)})
    world = make_world(b.model_copy(update=done), a.model_copy(update=done), scan)

    call(trigger_task, world, SCAN_ID, TOKEN, at(0))
    deliver(world, make_raw_data())

    assert get_task(world, "a").status is TaskStatus.IN_PROGRESS
    assert get_task(world, "b").status is TaskStatus.PENDING


def test_trigger_task_keeps_what_the_scan_has_left_when_a_rescan_does_not_start(
    world: MemoryPorts,
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    scan_and_reconstruct(world)
    world.scan.start_error = UpstreamRefusedError("offline", 503)
    with pytest.raises(DeviceStartError):
        call(trigger_task, world, SCAN_ID, TOKEN, at(100))

    call(trigger_task, world, RECONSTRUCTION_ID, TOKEN, at(110))
    deliver_queue(world, 111)

    keys = [conf["key"] for conf in world.orchestrator.dag_runs.values()]
    assert keys == [make_raw_data().key, make_raw_data().key]


def test_trigger_task_refuses_a_deleted_task(world: MemoryPorts) -> None:
    world.exam.tasks[SCAN_ID] = SCAN.model_copy(update={"status": ItemStatus.DELETED})

    with pytest.raises(ConflictError, match="deleted"):
        call(trigger_task, world, SCAN_ID, TOKEN, at(0))

    assert world.scan.starts == []


def test_trigger_task_frees_a_device_whose_scan_has_ended_in_exam_manager(
    world: MemoryPorts,
) -> None:
    other = make_exam_task(
        "other", TaskType.DEVICE_TASK_SDK, 1, args=SCAN_ARGS, workflow_id="workflow-2"
    )
    world.exam.add_workflow(ExamWorkflow(id="workflow-2", exam_id="exam-1", tasks=[other]))
    call(trigger_task, world, SCAN_ID, TOKEN, at(0))
    ended = {"status": ItemStatus.FINISHED, "progress": 100}
    world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(update=ended)

    assert call(trigger_task, world, "other", TOKEN, at(60)).status is TaskStatus.IN_PROGRESS


def test_trigger_task_stores_what_it_refuses_to_start_so_that_it_ends(world: MemoryPorts) -> None:
    world.exam.tasks[SCAN_ID] = SCAN.model_copy(update={"status": ItemStatus.STARTED})
    with pytest.raises(InvalidTransitionError):
        call(trigger_task, world, SCAN_ID, TOKEN, at(0))

    call(reconcile_runs, world, at(world.settings.device_task_timeout_s + 1, "reconcile_runs"))

    assert get_task(world, SCAN_ID).status is TaskStatus.FAILED


def test_trigger_task_repeats_a_scan_of_others_whose_data_never_came(world: MemoryPorts) -> None:
    ended = {"status": ItemStatus.FINISHED, "progress": 100}
    world.exam.tasks[SCAN_ID] = SCAN.model_copy(update=ended)

    assert call(trigger_task, world, SCAN_ID, TOKEN, at(0)).attempt == 1


def test_process_workflow_goes_on_when_a_scan_without_data_has_ended() -> None:
    second = make_exam_task("scan-2", TaskType.DEVICE_TASK_SDK, 2, args=SCAN_ARGS)
    world = make_world(SCAN, second)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    ended = {"status": ItemStatus.FINISHED, "progress": 100}
    world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(update=ended)

    processed = call(process_workflow, world, WORKFLOW_ID, TOKEN, at(60))

    assert processed.task is not None
    assert (processed.task.task_id, processed.is_started) == ("scan-2", True)
    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED


def test_trigger_task_does_not_rescan_while_the_end_of_the_last_scan_stands_in_exam_manager(
    world: MemoryPorts,
) -> None:
    # Given a scan that is over, there too
    call(trigger_task, world, SCAN_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    follow(world)
    assert world.exam.tasks[SCAN_ID].status is ItemStatus.FINISHED

    # When exam-manager cannot be told of the next one
    world.exam.fail_with["report_task"] = UpstreamTimeoutError("late")
    with pytest.raises(DeviceStartError):
        call(trigger_task, world, SCAN_ID, TOKEN, at(20))

    # Then it does not start, for it would be taken to be over
    assert len(world.scan.starts) == 1
    assert get_task(world, SCAN_ID).reason == EARLIER_SCAN


def test_trigger_task_that_broke_off_is_not_completed_by_the_end_of_the_last_scan() -> None:
    # Given a scan that nobody takes the data of, and a second one that breaks off once claimed
    world = make_world(SCAN)
    call(trigger_task, world, SCAN_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    report = world.exam.report_task

    def die_with_the_claim(task_id: str, status: ItemStatus, *args: Any, **kwargs: Any) -> None:
        if status is ItemStatus.STARTED:
            raise SystemExit
        report(task_id, status, *args, **kwargs)

    world.exam.report_task = die_with_the_claim  # type: ignore[method-assign]
    with pytest.raises(SystemExit):
        call(trigger_task, world, SCAN_ID, TOKEN, at(20))

    call(reconcile_runs, world, at(20 + SCAN_START_LEASE_S, "reconcile_runs"))

    assert get_task(world, SCAN_ID).status is TaskStatus.FAILED


def test_trigger_task_that_was_overtaken_does_not_take_over_what_was_true_before(
    world: MemoryPorts,
) -> None:
    # Given a workflow that is completed, in exam-manager too
    call(trigger_task, world, SCAN_ID, TOKEN, at(0))
    scan_and_reconstruct(world)
    commit = world.store.commit
    is_first = iter([True])

    def overtaken(*changes: Any) -> None:
        if next(is_first, False):
            call(trigger_task, world, SCAN_ID, TOKEN, at(30, "another"))
        commit(*changes)

    # When a second call rescans while the first one decides
    world.store.commit = overtaken  # type: ignore[method-assign]
    with pytest.raises(InvalidTransitionError):
        call(trigger_task, world, SCAN_ID, TOKEN, at(30))

    # Then there is one rescan, whatever the first one had read
    assert len(world.scan.starts) == 2
    assert get_task(world, SCAN_ID).attempt == 2


def test_tasks_that_are_older_than_their_workflow_pass_no_commit(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given one read of both, in which a commit shows in the workflow alone: it is no snapshot
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    known = world.store.get_execution(WORKFLOW_ID)
    assert known is not None
    pending = {**known.graph.tasks, SCAN_ID: known.graph.tasks[SCAN_ID].evolve(status="PENDING")}
    stale = {each: task.evolve(version=0) for each, task in pending.items()}
    torn = Execution(TaskGraph(known.graph.workflow, stale))
    monkeypatch.setattr(world.store, "get_execution_at_once", lambda _: torn)

    # When, Then
    with pytest.raises(InvalidTransitionError):
        call(trigger_task, world, SCAN_ID, TOKEN, at(30, "another"))
    assert len(world.scan.starts) == 1


def test_trigger_task_outlives_the_report_of_the_last_scan_that_comes_late(
    world: MemoryPorts,
) -> None:
    # Given a scan whose end is being reported while the next one starts
    call(trigger_task, world, SCAN_ID, TOKEN, at(0))
    report = world.exam.report_task

    def overtaken(task_id: str, status: ItemStatus, *args: Any, **kwargs: Any) -> None:
        if task_id == SCAN_ID and status is ItemStatus.FINISHED:
            call(trigger_task, world, SCAN_ID, TOKEN, at(20))
        report(task_id, status, *args, **kwargs)

    world.exam.report_task = overtaken  # type: ignore[method-assign]
    deliver(world, make_raw_data())
    follow(world)

    # Then the one that runs does not stand as ended
    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS
    assert world.exam.tasks[SCAN_ID].status is ItemStatus.STARTED


def test_trigger_task_takes_the_limits_of_the_exam_that_the_workflow_belongs_to_now(
    world: MemoryPorts,
) -> None:
    # Given a workflow that was processed for the exam of another patient
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    world.exam.exams["exam-2"] = world.exam.exams["exam-1"].model_copy(
        update={"id": "exam-2", "patient_height_cm": 121, "patient_weight_kg": 24}
    )
    workflow = world.exam.workflows[WORKFLOW_ID]
    world.exam.workflows[WORKFLOW_ID] = workflow.model_copy(update={"exam_id": "exam-2"})

    # When its scan is repeated
    call(trigger_task, world, SCAN_ID, TOKEN, at(20))

    # Then the limits are those of the right one, and so is the study of what follows
    limits = world.scan.starts[-1][1].parametrized_sequence.acquisition_limits
    assert (limits.patient_height, limits.patient_weight) == (121, 24)
    execution = world.store.get_execution(WORKFLOW_ID)
    assert execution is not None
    assert execution.graph.workflow.exam_id == "exam-2"
