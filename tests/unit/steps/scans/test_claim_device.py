"""Who has a scanner whose start nobody has confirmed, and until when."""

from collections.abc import Callable
from datetime import datetime
from threading import Event

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    SCAN,
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
from workflow_manager.domain.device import DeviceLock
from workflow_manager.domain.errors import (
    ConflictError,
    DeviceStartError,
    NeighbourRefusedError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import Exam, ExamResult, ExamWorkflow, ItemStatus
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.reconcile_runs import reconcile_runs
from workflow_manager.services.retry_task import retry_task
from workflow_manager.services.trigger_task import trigger_task
from workflow_manager.settings import Settings

TIMEOUT_S = Settings().device_task_timeout_s


def make_two_workflows(exam_id: str = "exam-1") -> MemoryPorts:
    world = make_world()
    other = SCAN.model_copy(update={"id": "scan-2", "workflow_id": "wf-2"})
    world.exam.add_workflow(ExamWorkflow(id="wf-2", exam_id=exam_id, tasks=[other]))
    world.exam.exams["exam-2"] = world.exam.exams["exam-1"].model_copy(update={"id": "exam-2"})
    return world


def lose_the_answer(world: MemoryPorts) -> None:
    world.scan.start_error = UpstreamTimeoutError("late")
    with pytest.raises(DeviceStartError, match="Error at starting"):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.scan.start_error = None
    follow(world)


def break_off(world: MemoryPorts) -> None:
    class Died(BaseException):
        """The function was killed."""

    def die(*_: object) -> None:
        raise Died

    start = world.scan.start
    world.scan.start = die  # type: ignore[method-assign]
    with pytest.raises(Died):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.scan.start = start  # type: ignore[method-assign]
    call(reconcile_runs, world, at(91))
    follow(world)


def start_other(world: MemoryPorts, seconds: float) -> None:
    call(process_workflow, world, "wf-2", TOKEN, at(seconds))


@pytest.mark.parametrize("exam_id", ["exam-1", "exam-2"])
@pytest.mark.parametrize("fail", [lose_the_answer, break_off])
def test_unconfirmed_start_keeps_the_scanner_from_other_workflows_until_its_time_is_over(
    fail: Callable[[MemoryPorts], None], exam_id: str
) -> None:
    world = make_two_workflows(exam_id)
    fail(world)
    assert get_task(world, SCAN_ID).status is TaskStatus.FAILED
    n_starts = len(world.scan.starts)

    for seconds in (100, TIMEOUT_S - 1):
        with pytest.raises(ConflictError) as refusal:
            start_other(world, seconds)
        assert f"task {SCAN_ID} of workflow {WORKFLOW_ID}" in refusal.value.detail
        assert f"POST /trigger_task/{SCAN_ID}/" in refusal.value.detail
    assert len(world.scan.starts) == n_starts

    start_other(world, TIMEOUT_S)
    assert len(world.scan.starts) == n_starts + 1


def end_in_exam_manager(world: MemoryPorts) -> None:
    reported = {"status": ItemStatus.FINISHED, "progress": 100}
    world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(update=reported)


@pytest.mark.parametrize(
    "free", [end_in_exam_manager, lambda world: deliver(world, make_raw_data())]
)
def test_end_of_an_unconfirmed_scan_frees_the_scanner(free: Callable[[MemoryPorts], None]) -> None:
    world = make_two_workflows()
    lose_the_answer(world)
    progress = {"status": ItemStatus.STARTED, "progress": 60}
    world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(update=progress)
    with pytest.raises(ConflictError, match="may be scanning"):
        start_other(world, 20)

    free(world)

    start_other(world, 30)


@pytest.mark.parametrize("is_retry", [True, False])
def test_call_that_names_the_unconfirmed_scan_takes_the_scanner_again(is_retry: bool) -> None:
    world = make_two_workflows()
    lose_the_answer(world)

    if is_retry:
        call(retry_task, world, WORKFLOW_ID, SCAN_ID, TOKEN, at(10))
    else:
        call(trigger_task, world, SCAN_ID, TOKEN, at(10))

    assert len(world.scan.starts) == 2
    with pytest.raises(ConflictError, match="scanning for another task"):
        start_other(world, 20)


@pytest.mark.parametrize(
    "error",
    [
        UpstreamRefusedError("no", 409),
        UpstreamRefusedError("no", 503),
        UpstreamUnreachableError(""),
    ],
)
def test_start_that_was_not_made_frees_the_scanner_at_once(error: Exception) -> None:
    world = make_two_workflows()
    world.scan.start_error = error  # type: ignore[assignment]
    with pytest.raises(DeviceStartError):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.scan.start_error = None

    start_other(world, 2)


def test_refusal_names_the_task_that_has_the_scanner() -> None:
    world = make_two_workflows()
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    with pytest.raises(ConflictError) as refusal:
        start_other(world, 2)

    named = f"The device is scanning for another task: task {SCAN_ID} of workflow {WORKFLOW_ID}."
    assert refusal.value.detail == named


@pytest.mark.parametrize("begin", [lose_the_answer, None])
def test_refusal_names_no_task_to_who_may_not_see_it(
    begin: Callable[[MemoryPorts], None] | None,
) -> None:
    world = make_two_workflows()
    if begin:
        begin(world)
    else:
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.fail_with["get_task"] = NeighbourRefusedError("Not yours.", 403)

    with pytest.raises(ConflictError, match="scanning for another task") as refusal:
        start_other(world, 2)

    assert SCAN_ID not in refusal.value.detail
    assert WORKFLOW_ID not in refusal.value.detail


def test_end_of_an_earlier_attempt_frees_no_scanner() -> None:
    world = make_two_workflows()
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    end_in_exam_manager(world)
    world.store.commit([get_task(world, SCAN_ID).evolve(is_mirror_due=True)])

    with pytest.raises(ConflictError, match="scanning for another task"):
        start_other(world, 2)


FILE = ExamResult(type="MRD", directory="/data/w/t/r", datetime_created=datetime(2026, 2, 1, 10))


@pytest.mark.parametrize(
    ("shown", "is_free"),
    [
        # Device-manager heard of no end while the device sent its file.
        ({"status": ItemStatus.INPROGRESS, "results": [FILE]}, True),
        # Somebody has edited the task since.
        ({"status": ItemStatus.UPDATED}, True),
        # The device goes on.
        ({"status": ItemStatus.INPROGRESS}, False),
        ({"status": ItemStatus.STARTED}, False),
    ],
)
def test_a_scan_that_waits_for_its_data_has_the_scanner_only_if_it_is_heard_again(
    shown: dict[str, object], *, is_free: bool
) -> None:
    world = make_two_workflows()
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    end_in_exam_manager(world)
    call(reconcile_runs, world, at(61))
    follow(world)
    assert get_task(world, SCAN_ID).waits_for_data
    shown = {"progress": 80, "datetime_updated": FILE.datetime_created, **shown}
    world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(update=shown)

    if is_free:
        start_other(world, 90)
    else:
        with pytest.raises(ConflictError, match="scanning for another task"):
            start_other(world, 90)


def test_device_that_is_taken_behind_the_look_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a start that has looked at a free device, and a second one that is quicker
    world = make_two_workflows()
    get_device_lock, get_exam = world.store.get_device_lock, world.exam.get_exam
    has_looked = Event()
    n_asked = 0

    def look(device_id: str) -> DeviceLock:
        lock = get_device_lock(device_id)
        has_looked.set()
        return lock

    def be_overtaken(exam_id: str) -> Exam:
        nonlocal n_asked
        n_asked += 1
        if n_asked == 1:
            assert has_looked.wait(10)
            call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
        return get_exam(exam_id)

    monkeypatch.setattr(world.store, "get_device_lock", look)
    monkeypatch.setattr(world.exam, "get_exam", be_overtaken)

    # When, then
    with pytest.raises(ConflictError, match="The device is scanning for another task"):
        call(trigger_task, world, "scan-2", TOKEN, at(1))
    assert [start.record_id for _, start in world.scan.starts] == [SCAN_ID]
