"""What the operator reads in ScanHub's own page, whose only text of ours is a task's comment."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    RECONSTRUCTION_ID,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    follow,
    get_task,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.errors import (
    DeviceStartError,
    NeighbourRefusedError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import ItemStatus, ResultType
from workflow_manager.domain.operator_comment import put_word
from workflow_manager.domain.result import Result
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.cancel_task import cancel_task
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results
from workflow_manager.services.reconcile_runs import reconcile_runs
from workflow_manager.services.retry_task import retry_task
from workflow_manager.services.trigger_task import trigger_task
from workflow_manager.steps.tasks.mirror_task import WAITS_FOR_DATA
from workflow_manager.steps.tasks.tell_operator import tell_operator

PACEMAKER = "Patient has a pacemaker."
AIRFLOW_AWAY = "Waits for Airflow: Airflow is away."


@pytest.fixture
def world() -> MemoryPorts:
    world = make_world()
    world.exam.comments = dict.fromkeys((SCAN_ID, RECONSTRUCTION_ID), PACEMAKER)
    return world


def reconcile(world: MemoryPorts, seconds: float) -> None:
    call(reconcile_runs, world, at(seconds, "reconcile_runs"))


def call_back(world: MemoryPorts, callback: Callback, seconds: float) -> None:
    token = callback_token(world, get_task(world, RECONSTRUCTION_ID).dag_run_id or "")
    call(receive_results, world, token, callback, at(seconds, "receive_results"))


def make_callback(world: MemoryPorts, *types: ResultType) -> Callback:
    run_id = get_task(world, RECONSTRUCTION_ID).dag_run_id
    results = tuple(Result(type=each, key=f"result/{run_id}/{each}") for each in types)
    return Callback(success=True, results=results)


def scan(world: MemoryPorts, progress: int = 100) -> None:
    """Write what device-manager writes while a device scans."""
    status = ItemStatus.FINISHED if progress == 100 else ItemStatus.STARTED
    changes = {"progress": progress, "status": status}
    world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(update=changes)


def live_through_everything(world: MemoryPorts) -> Iterator[tuple[str, str | None]]:
    """Yield a task after each step of its life, and the word that its operator reads then."""
    world.scan.start_error = UpstreamRefusedError("offline", 503)
    with pytest.raises(DeviceStartError):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    follow(world)
    yield SCAN_ID, "Not started: the device is offline."
    world.scan.start_error = None
    call(retry_task, world, WORKFLOW_ID, SCAN_ID, TOKEN, at(100))
    yield SCAN_ID, None
    reconcile(world, 160)
    scan(world)
    reconcile(world, 180)
    reconcile(world, 250)
    yield SCAN_ID, WAITS_FOR_DATA
    tell_operator(world.exam, RECONSTRUCTION_ID, "The task waits for another one.")
    yield RECONSTRUCTION_ID, "The task waits for another one."
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")
    deliver(world, make_raw_data(), 300)
    follow(world)
    yield SCAN_ID, None
    deliver_queue(world, 301)
    follow(world)
    yield RECONSTRUCTION_ID, AIRFLOW_AWAY
    world.orchestrator.outage = None
    reconcile(world, 400)
    deliver_queue(world, 401)
    follow(world)
    yield RECONSTRUCTION_ID, None
    call_back(world, Callback(success=False, error="The file\nis not ISMRMRD."), 420)
    follow(world)
    yield RECONSTRUCTION_ID, "The file is not ISMRMRD."
    call(retry_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, TOKEN, at(500))
    follow(world)
    yield RECONSTRUCTION_ID, None
    call(cancel_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, at(510))
    follow(world)
    yield RECONSTRUCTION_ID, "Cancelled by operator."
    call(trigger_task, world, RECONSTRUCTION_ID, TOKEN, at(600))
    deliver_queue(world, 601)
    call_back(world, make_callback(world, ResultType.DICOM), 660)
    follow(world)
    yield RECONSTRUCTION_ID, None


def test_what_the_operator_wrote_stands_in_front_of_our_word_all_along(world: MemoryPorts) -> None:
    for task_id, word in live_through_everything(world):
        assert world.exam.comments[task_id] == put_word(PACEMAKER, word)
    assert set(world.exam.comments.values()) == {PACEMAKER}


Edit = Callable[[str, str], str]
EDITS: dict[str, Edit] = {
    "in front": lambda comment, typed: typed + comment,
    "behind, on our line": lambda comment, typed: comment + typed,
    "behind, on a line of its own": lambda comment, typed: f"{comment}\r\n{typed}",
    "before our line": lambda comment, typed: comment.replace("[work", f"{typed}[work"),
    "in our line": lambda comment, typed: comment.replace(" #", f" {typed} #"),
    "in our checksum": lambda comment, typed: comment.replace(" #", f" #{typed}"),
    "our line moved up": lambda comment, typed: "\n".join([*comment.split("\n")[::-1], typed]),
    "all on one line": lambda comment, typed: comment.replace("\n", " ") + typed,
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_the_operator_types_at_any_time_is_never_lost(world: MemoryPorts, edit: Edit) -> None:
    typed: dict[str, list[str]] = {SCAN_ID: [], RECONSTRUCTION_ID: []}
    number = count()
    for task_id, word in live_through_everything(world):
        comment = world.exam.comments[task_id] or ""
        if word is not None:
            assert put_word(comment, word) == comment
        assert all(each in comment for each in [PACEMAKER, *typed[task_id]])
        letter = chr(0x4E00 + next(number))
        edited = edit(comment, letter)
        if letter in edited:
            typed[task_id].append(letter)
            world.exam.comments[task_id] = edited
    for task_id, letters in typed.items():
        # What is left are his words, even of lines in which he wrote.
        reconcile(world, 1000)
        world.exam.report_task(task_id)
        left = world.exam.comments[task_id] or ""
        assert all(each in left for each in letters)


def test_a_scan_that_waits_for_its_data_is_told_once_and_stays_finished(
    world: MemoryPorts,
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    scan(world)
    for minute in range(1, 30):
        reconcile(world, 60 * minute)

    assert [report.word for report in world.exam.reports] == [None, WAITS_FOR_DATA]
    assert world.exam.tasks[SCAN_ID].status is ItemStatus.FINISHED
    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS


def test_a_scan_whose_data_comes_at_once_costs_no_word(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    scan(world)
    reconcile(world, 60)
    deliver(world, make_raw_data(), 70)
    follow(world)
    reconcile(world, 180)

    told = [report for report in world.exam.reports if report.task_id == SCAN_ID]
    assert [report.status for report in told] == [ItemStatus.STARTED, ItemStatus.FINISHED]


def test_a_scan_that_was_done_at_the_console_is_told_to_wait_for_its_data(
    world: MemoryPorts,
) -> None:
    scan(world)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    reconcile(world, 61)

    assert world.exam.comments[SCAN_ID] == put_word(PACEMAKER, WAITS_FOR_DATA)
    assert world.exam.tasks[SCAN_ID].status is ItemStatus.FINISHED
    # The device is free, and the scan may be repeated.
    call(trigger_task, world, SCAN_ID, TOKEN, at(120))
    assert world.exam.comments[SCAN_ID] == PACEMAKER


def test_a_run_that_waits_is_told_once_for_each_reason(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.orchestrator.outage = UpstreamUnreachableError("Airflow is away.")
    deliver(world, make_raw_data(), 10)
    for minute in range(1, 10):
        deliver_queue(world, 60 * minute)
        follow(world, 60 * minute + 1)
        reconcile(world, 60 * minute + 30)
    world.orchestrator.outage = UpstreamTimeoutError("Airflow is late.")
    for minute in range(20, 30):
        reconcile(world, 60 * minute)
        deliver_queue(world, 60 * minute + 1)
        follow(world, 60 * minute + 2)

    told = [each.word for each in world.exam.reports if each.task_id == RECONSTRUCTION_ID]
    assert told == [AIRFLOW_AWAY, "Waits for Airflow: Airflow is late."]


def test_a_task_that_exam_manager_refuses_for_an_hour_is_in_the_trail(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    gone = NeighbourRefusedError("Failed to fetch task with id=1", 404, is_own=True)
    world.exam.fail_with["report_task"] = gone
    deliver(world, make_raw_data(), 0)
    for minute in range(1, 120):
        reconcile(world, 60 * minute)

    lines = world.store.list_events(f"workflow:{WORKFLOW_ID}")
    [line] = [each for each in lines if each.name == "report_refused" and SCAN_ID in each.entity]
    assert line.reason == (
        "Exam-manager has refused the task's state for an hour: Failed to fetch task with id=1."
    )
    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED


def test_a_result_that_exam_manager_does_not_take_holds_up_nothing(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = world.exam.create_result

    def create_known(task_id: str, result_type: ResultType, *path: str) -> None:
        if result_type is ResultType.NUMPY:
            raise NeighbourRefusedError("Failed to create a result", 422, is_own=True)
        create(task_id, result_type, *path)

    monkeypatch.setattr(world.exam, "create_result", create_known)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data(), 10)
    deliver_queue(world)
    call_back(world, make_callback(world, ResultType.NUMPY, ResultType.DICOM), 20)
    follow(world)

    assert world.exam.tasks[RECONSTRUCTION_ID].status is ItemStatus.FINISHED
    assert [each.result_type for each in world.exam.results] == [ResultType.DICOM]
    line = world.store.list_events(f"workflow:{WORKFLOW_ID}")[-1]
    assert (line.name, line.to_state) == ("report_refused", "COMPLETED")
    assert line.reason == "Exam-manager refuses a result of type NUMPY."


def test_tell_operator_leaves_a_failing_exam_manager_alone(
    world: MemoryPorts, caplog: pytest.LogCaptureFixture
) -> None:
    world.exam.fail_with["report_task"] = UpstreamTimeoutError("late")

    tell_operator(world.exam, SCAN_ID, "Not started.")

    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert getattr(record, "task_id", None) == SCAN_ID
    assert PACEMAKER not in caplog.text
