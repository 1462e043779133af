"""What a device says of itself while we think that it scans, and what is concluded from it."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.contracts.samples import make_task
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.stuck import KINDS, is_served
from tests.fakes.world import (
    NOW,
    RECONSTRUCTION,
    SCAN,
    SCAN_ARGS,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    deliver,
    follow,
    get_task,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.device_look import SAID_ERROR, DeviceLook
from workflow_manager.domain.errors import (
    ConflictError,
    NeighbourRefusedError,
    ScanHubError,
    UpstreamError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import Device, ExamWorkflow, ItemStatus, TaskType
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.services.cancel_task import cancel_task
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.reconcile_runs import reconcile_runs
from workflow_manager.services.trigger_task import trigger_task
from workflow_manager.steps.scans.watch_ended_scan import watch_ended_scan

DEVICE_ID = SCAN_ARGS["device_id"]
SDK_SCAN = SCAN.model_copy(update={"type": TaskType.DEVICE_TASK_SDK})
OTHER = SDK_SCAN.model_copy(update={"id": "scan-2", "workflow_id": "wf-2"})


def make_scan(scan: object = SDK_SCAN) -> MemoryPorts:
    """Return a hospital whose scan has just been started, and another workflow that waits."""
    world = make_world(scan, RECONSTRUCTION)  # type: ignore[arg-type]
    world.exam.add_workflow(ExamWorkflow(id="wf-2", exam_id="exam-1", tasks=[OTHER]))
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    # Before the scan, the checks look at the device.
    world.scan.n_looks = 0
    return world


@pytest.fixture
def world() -> MemoryPorts:
    return make_scan()


def server_time(seconds: float) -> datetime:
    """Return what ScanHub's clock shows: local time, without a zone."""
    return (NOW + timedelta(hours=2, seconds=seconds)).replace(tzinfo=None)


def say(world: MemoryPorts, word: str, seconds: float | None = None) -> None:
    world.scan.device_statuses[DEVICE_ID] = word
    if seconds is not None:
        world.scan.device_times[DEVICE_ID] = server_time(seconds)


def write(world: MemoryPorts, progress: int, seconds: float | None = None, **more: object) -> None:
    """Write what device-manager writes to exam-manager while a device scans."""
    written = server_time(seconds) if seconds is not None else None
    changes = {"progress": progress, "datetime_updated": written, **more}
    world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(update=changes)


def reconcile(world: MemoryPorts, *minutes: float) -> Task:
    for minute in minutes:
        call(reconcile_runs, world, at(60 * minute, "reconcile_runs"))
        follow(world, 60 * minute + 1)
    return get_task(world, SCAN_ID)


def start_other(world: MemoryPorts, minute: float) -> None:
    call(trigger_task, world, "scan-2", TOKEN, at(60 * minute))


def test_sdk_error_in_mid_scan_fails_the_task_at_once_and_frees_the_device(
    world: MemoryPorts,
) -> None:
    write(world, 30)
    reconcile(world, 1)
    say(world, "Error ")

    task = reconcile(world, 2)

    assert (task.status, task.reason, task.may_scan_until) == (TaskStatus.FAILED, SAID_ERROR, None)
    assert world.exam.reports[-1].word == SAID_ERROR
    assert world.exam.reports[-1].status is ItemStatus.NEW
    start_other(world, 3)


def test_sdk_error_in_the_first_seconds_is_told_by_scanhubs_own_clock(world: MemoryPorts) -> None:
    write(world, 0, 0)
    say(world, "error", 5)

    assert reconcile(world, 1).reason == SAID_ERROR


def test_error_behind_another_word_is_news(world: MemoryPorts) -> None:
    say(world, "init")
    reconcile(world, 1)
    say(world, "error")

    assert reconcile(world, 2).reason == SAID_ERROR


@pytest.mark.parametrize("seconds", [None, -1, 5 - 3600, 5 + 3600])
def test_error_from_before_the_start_is_no_word_of_this_scan(
    world: MemoryPorts, seconds: float | None
) -> None:
    # Given: an hour more or less is another time zone, of device-manager or of exam-manager
    write(world, 0, 0)
    say(world, "error", seconds)
    assert reconcile(world, 1, 2, 3, 4, 5).status is TaskStatus.IN_PROGRESS

    assert "No word from the scanner for 5 minutes" in (reconcile(world, 6).reason or "")


def test_times_that_cannot_be_compared_tell_nothing(world: MemoryPorts) -> None:
    write(world, 0, 0)
    say(world, "error")
    world.scan.device_times[DEVICE_ID] = at(5).at

    assert "No word" in (reconcile(world, *range(1, 7)).reason or "")


@pytest.mark.parametrize(("status", "is_said"), [(404, False), (500, True)])
def test_device_that_was_taken_away_is_no_outage(
    world: MemoryPorts, caplog: pytest.LogCaptureFixture, status: int, is_said: bool
) -> None:
    world.scan.device_error = NeighbourRefusedError("Failed to fetch device", status)

    reconcile(world, 1)

    assert ("device not looked at" in caplog.messages) is is_said


def test_error_from_before_the_start_hurts_no_scan_that_goes_on(world: MemoryPorts) -> None:
    say(world, "error")
    for minute in range(1, 60):
        write(world, minute)
        reconcile(world, minute)

    assert get_task(world, SCAN_ID).progress == 59


def test_logout_in_mid_scan_ends_it_once_the_device_is_ready_for_minutes(
    world: MemoryPorts,
) -> None:
    write(world, 30)
    say(world, "scanning")
    assert reconcile(world, *range(1, 30)).status is TaskStatus.IN_PROGRESS
    say(world, "ready")
    assert reconcile(world, *range(30, 35)).status is TaskStatus.IN_PROGRESS

    task = reconcile(world, 35)

    assert task.status is TaskStatus.FAILED
    assert task.reason == (
        "No word from the scanner for 5 minutes; device-manager shows it as ready. "
        "Look at the scanner before you start again."
    )
    start_other(world, 36)


@pytest.mark.parametrize("word", ["disconnected", "DISCONNECTED", " offline"])
def test_dropped_socket_ends_the_task_but_keeps_the_device(world: MemoryPorts, word: str) -> None:
    write(world, 30)
    reconcile(world, 1)
    say(world, word)

    task = reconcile(world, *range(2, 8))

    assert task.status is TaskStatus.FAILED
    assert "device-manager shows it as disconnected" in (task.reason or "")
    with pytest.raises(ConflictError, match=f"may be scanning for task {SCAN_ID} of workflow"):
        start_other(world, 9)
    deliver(world, make_raw_data(), 600)
    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED
    start_other(world, 11)


def test_device_that_has_reconnected_and_goes_on_is_never_given_up(world: MemoryPorts) -> None:
    say(world, "disconnected")
    for minute in range(1, 100):
        write(world, minute // 4)
        assert reconcile(world, minute).status is TaskStatus.IN_PROGRESS


def test_word_that_changes_begins_the_wait_anew(world: MemoryPorts) -> None:
    # A device that says something is there, whatever it says.
    for minute in range(1, 40):
        say(world, "ready" if minute % 4 else "init", 60 * minute)
        assert reconcile(world, minute).status is TaskStatus.IN_PROGRESS


def test_second_start_that_waits_for_the_first_scan_goes_on(world: MemoryPorts) -> None:
    say(world, "scanning")

    assert reconcile(world, *range(1, 60)).status is TaskStatus.IN_PROGRESS


@pytest.mark.parametrize(
    ("status", "progress"),
    [(ItemStatus.FINISHED, 100), (ItemStatus.STARTED, 100), (ItemStatus.FINISHED, 40)],
)
def test_scan_that_waits_for_its_data_is_over_for_its_device(
    world: MemoryPorts, status: ItemStatus, progress: int
) -> None:
    write(world, progress, status=status)
    say(world, "ready")

    assert reconcile(world, *range(1, 60)).status is TaskStatus.IN_PROGRESS
    assert world.scan.n_looks == 0


def test_end_that_comes_together_with_the_word_counts(world: MemoryPorts) -> None:
    write(world, 90)
    say(world, "ready")
    reconcile(world, *range(1, 7))

    def end(_: str) -> Device:
        write(world, 100, status=ItemStatus.FINISHED)
        return Device(status="ready")

    world.scan.get_device = end  # type: ignore[method-assign]

    assert reconcile(world, 7, 8).status is TaskStatus.IN_PROGRESS


@pytest.mark.parametrize(
    "error",
    [
        UpstreamUnreachableError("away"),
        UpstreamTimeoutError("slow"),
        UpstreamError("garbage"),
        NeighbourRefusedError("Failed to fetch device", 404),
        NeighbourRefusedError("Failed to fetch device", 500),
    ],
)
def test_nothing_is_concluded_from_a_device_manager_that_does_not_answer(
    world: MemoryPorts, error: ScanHubError
) -> None:
    write(world, 30)
    world.scan.device_error = error

    assert reconcile(world, *range(1, 119)).status is TaskStatus.IN_PROGRESS


@pytest.mark.parametrize("word", ["ready", "error", "disconnected"])
def test_simulator_that_never_speaks_to_device_manager_is_not_judged_by_it(word: str) -> None:
    world = make_scan(SCAN)
    say(world, word, -1000)
    write(world, 30, 30)

    assert reconcile(world, *range(1, 60)).status is TaskStatus.IN_PROGRESS


def test_simulator_that_has_spoken_is_believed() -> None:
    world = make_scan(SCAN)
    write(world, 30, 30)
    say(world, "ready", 40)

    assert reconcile(world, *range(1, 8)).status is TaskStatus.FAILED


def test_simulator_whose_word_has_changed_has_spoken() -> None:
    world = make_scan(SCAN)
    say(world, "scanning")
    reconcile(world, 1)
    say(world, "disconnected")

    assert reconcile(world, *range(2, 8)).status is TaskStatus.FAILED


def test_start_that_is_not_confirmed_is_its_calls_business(world: MemoryPorts) -> None:
    execution = world.store.get_execution(WORKFLOW_ID)
    assert execution is not None
    lease = {"start_lease_until": at(90).at}
    execution.put_task(execution.graph.tasks[SCAN_ID].evolve(**lease), at(0))
    world.store.commit(execution.changes.entities)
    write(world, 0, 0)
    say(world, "error", 5)

    assert reconcile(world, 1).status is TaskStatus.IN_PROGRESS
    assert world.scan.n_looks == 0


def test_scan_that_somebody_started_at_the_console_is_followed_too() -> None:
    started = SDK_SCAN.model_copy(update={"status": ItemStatus.STARTED})
    world = make_scan(started)
    say(world, "ready")

    assert reconcile(world, *range(1, 7)).status is TaskStatus.FAILED


def test_look_at_an_earlier_attempt_says_nothing_of_this_one(world: MemoryPorts) -> None:
    # Given: what a release that does not know the field has left
    old = DeviceLook(attempt=0, moved_at=at(-9000).at, word="ready", has_spoken=True)
    world.store.commit([get_task(world, SCAN_ID).evolve(device_look=old)])
    say(world, "ready")

    assert reconcile(world, 1, 2, 3, 4, 5).status is TaskStatus.IN_PROGRESS
    assert reconcile(world, 6).status is TaskStatus.FAILED


def test_scan_that_goes_on_costs_no_look_and_one_that_does_not_one_a_minute(
    world: MemoryPorts,
) -> None:
    reconcile(world, 0.5)
    for minute in range(1, 10):
        write(world, minute)
        reconcile(world, minute)
    assert world.scan.n_looks == 0
    say(world, "scanning")

    version = reconcile(world, 10).version
    assert reconcile(world, *range(11, 20)).version == version
    assert world.scan.n_looks == 10


def test_device_manager_that_hangs_keeps_no_other_scan_from_being_followed() -> None:
    world, clock = make_world(), [at(60).at]
    asked: list[str] = []
    for n in range(15):
        KINDS["lost_scan"](world, f"lost-{n}", NOW + timedelta(minutes=n))
    KINDS["ended_scan"](world, "last", NOW + timedelta(days=1))
    world.clock = lambda: clock[0]

    def hang(device_id: str) -> Device:
        asked.append(device_id)
        clock[0] += timedelta(seconds=3)
        raise UpstreamTimeoutError("No answer.")

    world.scan.get_device = hang  # type: ignore[method-assign]
    call(reconcile_runs, world, at(60, "reconcile_runs"))

    assert is_served(world, "ended_scan", "last")
    assert (len(asked), world.store.get_system_status().n_stumbles) == (3, 0)
    for minute in range(2, 20):
        clock[0] = at(60 * minute).at
        call(reconcile_runs, world, at(60 * minute, "reconcile_runs"))
    # None is always behind three others.
    assert len(set(asked)) == 15


def test_free_text_of_a_device_is_not_kept(world: MemoryPorts) -> None:
    say(world, "scanning Ada Lovelace")
    reconcile(world, 1)

    look = get_task(world, SCAN_ID).device_look
    assert look is not None
    assert "Ada" not in look.model_dump_json()


# --- what goes on after its task has ended ---


def list_late_ends(world: MemoryPorts) -> list[str | None]:
    trail = world.store.list_events(f"workflow:{WORKFLOW_ID}")
    return [line.reason for line in trail if line.name == "late_end"]


def cancel(world: MemoryPorts) -> None:
    call(cancel_task, world, WORKFLOW_ID, SCAN_ID, at(30))
    follow(world)


def lose_socket(world: MemoryPorts) -> None:
    write(world, 30)
    say(world, "disconnected")
    assert reconcile(world, *range(1, 9)).status is TaskStatus.FAILED


@pytest.mark.parametrize("end", [cancel, lose_socket])
def test_late_end_of_a_scan_is_noted_once(
    world: MemoryPorts, end: Callable[[MemoryPorts], None]
) -> None:
    end(world)
    status = get_task(world, SCAN_ID).status
    reconcile(world, 10)
    assert list_late_ends(world) == []
    write(world, 100, status=ItemStatus.FINISHED)

    task = reconcile(world, 11, 12, 13)

    assert list_late_ends(world) == [
        f"The scan of a task that is {status} has ended at the scanner."
    ]
    assert (task.status, task.due_at, task.may_scan_until) == (status, None, None)
    start_other(world, 14)


def test_end_of_an_earlier_attempt_is_no_late_end(world: MemoryPorts) -> None:
    # Given: exam-manager is not told of the cancel yet, and the index lags
    task, _ = call(cancel_task, world, WORKFLOW_ID, SCAN_ID, at(30))
    write(world, 100, status=ItemStatus.FINISHED)

    call(watch_ended_scan, world, task, at(60, "reconcile_runs"))

    assert list_late_ends(world) == []


@pytest.mark.parametrize("is_away", [True, False])
def test_late_end_is_looked_for_as_long_as_the_attempt_had(
    world: MemoryPorts, is_away: bool
) -> None:
    cancel(world)
    minutes = world.settings.device_task_timeout_s // 60
    assert reconcile(world, minutes - 1).watched_until is not None
    if is_away:
        world.exam.fail_with["get_task"] = UpstreamUnreachableError("away")

    assert reconcile(world, minutes).due_at is None


def test_start_that_was_not_made_has_no_late_end() -> None:
    world = make_world(SDK_SCAN)
    world.scan.start_error = UpstreamUnreachableError("away")
    with pytest.raises(UpstreamError):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert get_task(world, SCAN_ID).watched_until is None


def test_next_attempt_has_neither_the_look_nor_the_watch_of_the_last_one(
    world: MemoryPorts,
) -> None:
    lose_socket(world)
    assert get_task(world, SCAN_ID).device_look is None

    call(trigger_task, world, SCAN_ID, TOKEN, at(600))

    assert get_task(world, SCAN_ID).watched_until is None


def test_watch_that_an_older_release_has_left_makes_no_scan_due() -> None:
    fields = {"deadline": at(99).at, "watched_until": at(9).at}
    task = make_task("scan", status=TaskStatus.IN_PROGRESS, **fields)

    assert task.due_at == at(99).at


def test_scan_whose_time_is_over_is_not_watched(world: MemoryPorts) -> None:
    task = reconcile(world, world.settings.device_task_timeout_s // 60 + 1)

    assert (task.status, task.watched_until) == (TaskStatus.FAILED, None)


def test_dag_task_that_others_have_started_is_no_scan_to_be_watched() -> None:
    started = RECONSTRUCTION.model_copy(update={"status": ItemStatus.STARTED})
    world = make_world(SDK_SCAN, started)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    task, _ = call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION.id, at(30))

    assert (task.status, task.watched_until) == (TaskStatus.CANCELLED, None)


@pytest.mark.parametrize("has_followers", [False, True])
def test_end_of_a_cancelled_scan_counts_for_the_attempt_that_was_started_meanwhile(
    has_followers: bool,
) -> None:
    # Given a scan that was cancelled, goes on all the same, and was started anew by somebody
    world = make_world(SDK_SCAN, *([RECONSTRUCTION] if has_followers else []))
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    cancel(world)
    call(trigger_task, world, SCAN_ID, TOKEN, at(60))
    # When its end comes before the first look at the second attempt, then it is history
    write(world, 100, status=ItemStatus.FINISHED)
    assert reconcile(world, 2).progress == 0
    # When it comes later, then nobody can tell it from that of the second; data is waited for
    write(world, 100, status=ItemStatus.FINISHED)
    task = reconcile(world, 3)
    ends = TaskStatus.IN_PROGRESS if has_followers else TaskStatus.COMPLETED
    assert (task.attempt, task.status, task.progress) == (2, ends, 100)
    assert len(world.scan.starts) == 2
