"""What the reconciler finds out about scans in exam-manager."""

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
    deliver,
    get_status,
    get_task,
    make_exam_task,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.device_look import SAID_ERROR
from workflow_manager.domain.errors import NeighbourRefusedError, UpstreamUnreachableError
from workflow_manager.domain.exam import ItemStatus, TaskType
from workflow_manager.domain.execution import SCAN_START_LEASE_S
from workflow_manager.domain.task import DELETED_REASON, TaskStatus
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.reconcile_runs import reconcile_runs
from workflow_manager.steps.scans.end_overdue_task import UNFINISHED


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def reconcile(world: MemoryPorts, seconds: float) -> None:
    call(reconcile_runs, world, at(seconds, "reconcile_runs"))


def report(world: MemoryPorts, progress: int, status: ItemStatus = ItemStatus.STARTED) -> None:
    """Write what device-manager writes while a device scans."""
    task = world.exam.tasks[SCAN_ID]
    changes = {"progress": progress, "status": status}
    world.exam.tasks[SCAN_ID] = task.model_copy(update=changes)


def break_off_start(world: MemoryPorts) -> None:
    """Let the function die while the device is being started."""

    def die(*_: object) -> None:
        raise SystemExit

    world.scan.start = die  # type: ignore[method-assign,assignment]
    with pytest.raises(SystemExit):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))


def test_scan_shows_the_progress_that_its_device_reports(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    report(world, 40)

    reconcile(world, 60)

    assert get_task(world, SCAN_ID).progress == 40


def test_scan_at_100_is_complete_where_nobody_takes_its_data() -> None:
    alone = make_exam_task(
        "next", TaskType.PROCESSING_TASK, 2, args={"dag_id": DAG_ID, "input_task_ids": "[]"}
    )
    world = make_world(SCAN, alone)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    report(world, 100, ItemStatus.FINISHED)

    reconcile(world, 60)

    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED


def test_scan_at_100_waits_for_its_data_where_a_task_takes_it(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    report(world, 100, ItemStatus.FINISHED)

    reconcile(world, 60)
    scan = get_task(world, SCAN_ID)
    assert (scan.status, scan.progress) == (TaskStatus.IN_PROGRESS, 100)

    deliver(world, make_raw_data(), 70)
    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.IN_PROGRESS


def test_scan_that_was_deleted_in_exam_manager_ends(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    del world.exam.tasks[SCAN_ID]

    reconcile(world, 60)
    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS
    reconcile(world, 360)

    assert get_task(world, SCAN_ID).reason == DELETED_REASON


def test_scan_that_was_missing_for_a_moment_goes_on(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    task = world.exam.tasks.pop(SCAN_ID)
    reconcile(world, 60)
    world.exam.tasks[SCAN_ID] = task
    reconcile(world, 120)
    del world.exam.tasks[SCAN_ID]

    reconcile(world, 400)

    scan = get_task(world, SCAN_ID)
    assert (scan.status, scan.missing_since) == (TaskStatus.IN_PROGRESS, at(400).at)


def test_scan_that_was_missing_says_nothing_of_its_next_attempt(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    task = world.exam.tasks.pop(SCAN_ID)
    reconcile(world, 60)
    world.exam.tasks[SCAN_ID] = task

    deliver(world, make_raw_data(), 70)

    assert get_task(world, SCAN_ID).missing_since is None


def test_scan_goes_on_while_a_proxy_answers_404(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.fail_with["get_task"] = NeighbourRefusedError("no route", 404)

    for minute in range(1, 30):
        reconcile(world, 60 * minute)

    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS


def test_scan_that_breaks_does_not_keep_the_turn_from_its_end(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.get_task = None  # type: ignore[method-assign,assignment]

    reconcile(world, 60)

    assert world.store.get_system_status().checked_at == at(60).at


def test_scan_is_left_alone_while_exam_manager_is_away(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.fail_with["get_task"] = UpstreamUnreachableError("exam-manager is away.")

    reconcile(world, 60)

    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS


def test_start_that_broke_off_fails_as_not_confirmed_and_never_starts_again(
    world: MemoryPorts,
) -> None:
    break_off_start(world)

    reconcile(world, SCAN_START_LEASE_S - 1)
    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS
    reconcile(world, SCAN_START_LEASE_S + 1)

    task = get_task(world, SCAN_ID)
    assert task.status is TaskStatus.FAILED
    assert (task.reason or "").startswith("Start not confirmed")
    assert get_status(world) == "failed"


def test_start_that_broke_off_counts_once_the_device_reports(world: MemoryPorts) -> None:
    break_off_start(world)
    report(world, 5)

    reconcile(world, 60)
    reconcile(world, SCAN_START_LEASE_S + 60)

    scan = get_task(world, SCAN_ID)
    assert (scan.status, scan.start_lease_until) == (TaskStatus.IN_PROGRESS, None)


def test_confirmed_start_has_its_full_time(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    reconcile(world, SCAN_START_LEASE_S + 60)

    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS


def test_scan_may_name_its_own_time() -> None:
    scan = make_exam_task(
        SCAN_ID, TaskType.DEVICE_TASK_SDK, 1, args={**SCAN_ARGS, "timeout_minutes": "5"}
    )
    world = make_world(scan)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    reconcile(world, 299)
    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS
    reconcile(world, 301)
    assert get_task(world, SCAN_ID).status is TaskStatus.FAILED


@pytest.mark.parametrize("seconds", [30, SCAN_START_LEASE_S + 1, 3 * 3600])
def test_a_task_in_error_has_failed_by_its_devices_word(world: MemoryPorts, seconds: int) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    report(world, 40, ItemStatus.ERROR)

    reconcile(world, seconds)

    task = get_task(world, SCAN_ID)
    assert (task.status, task.reason, task.may_scan_until) == (TaskStatus.FAILED, SAID_ERROR, None)


def test_a_start_that_broke_off_ends_by_its_devices_word(world: MemoryPorts) -> None:
    break_off_start(world)
    report(world, 0, ItemStatus.ERROR)

    reconcile(world, SCAN_START_LEASE_S + 1)

    assert get_task(world, SCAN_ID).reason == SAID_ERROR


def test_the_error_of_an_earlier_attempt_says_nothing_of_this_one(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    stale = get_task(world, SCAN_ID).evolve(is_mirror_due=True, report_retry_at=at(9999).at)
    world.store.commit([stale])
    report(world, 40, ItemStatus.ERROR)

    reconcile(world, 60)
    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS
    reconcile(world, world.settings.device_task_timeout_s + 1)
    assert get_task(world, SCAN_ID).reason == UNFINISHED
