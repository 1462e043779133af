import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    PARAMETERS,
    RECONSTRUCTION,
    RECONSTRUCTION_ID,
    SCAN,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    deliver,
    follow,
    get_status,
    get_task,
    make_exam_task,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.device import DeviceLock
from workflow_manager.domain.errors import (
    ConflictError,
    DeviceStartError,
    InvalidInputError,
    ScanHubError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import ExamTask, ItemStatus, TaskType
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.trigger_task import trigger_task
from workflow_manager.steps.workflows.load_execution import load_execution


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def test_process_workflow_starts_the_task_created_first(world: MemoryPorts) -> None:
    processed = call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert processed.is_started
    assert processed.task is not None
    assert processed.task.task_id == SCAN_ID
    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS
    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.PENDING
    assert get_status(world) == "running"


def test_process_workflow_sends_limits_sequence_and_token_to_the_device(
    world: MemoryPorts,
) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    [(task_type, sent)] = world.scan.starts
    limits = sent.parametrized_sequence.acquisition_limits.model_dump(by_alias=True)
    assert task_type is TaskType.DEVICE_TASK_SIMULATOR
    assert (sent.record_id, sent.device_id) == (SCAN_ID, "simulated-scanner")
    assert sent.user_access_token == TOKEN
    # The birthday is tomorrow.
    assert limits == {
        "patient_height": 172,
        "patient_weight": 68,
        "Gender": "FEMALE",
        "patient_age": 40,
    }


def test_process_workflow_reports_started_before_the_device_is_asked(world: MemoryPorts) -> None:
    world.scan.start_error = UpstreamTimeoutError("No answer.")

    with pytest.raises(DeviceStartError):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    follow(world)

    assert [report.status for report in world.exam.reports] == [ItemStatus.STARTED, ItemStatus.NEW]


def test_process_workflow_starts_nothing_twice_while_the_scan_runs(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    again = call(process_workflow, world, WORKFLOW_ID, TOKEN, at(1))

    assert not again.is_started
    assert again.task is not None
    assert again.task.status is TaskStatus.IN_PROGRESS
    assert len(world.scan.starts) == 1


def test_process_workflow_starts_one_scan_for_many_callers_at_once(world: MemoryPorts) -> None:
    with ThreadPoolExecutor(16) as pool:
        asked = [
            pool.submit(call, process_workflow, world, WORKFLOW_ID, TOKEN, at(0)) for _ in range(50)
        ]
        started = [each.result().is_started for each in asked]

    assert started.count(True) == 1
    assert len(world.scan.starts) == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UpstreamRefusedError("Device offline.", 503), "Not started: the device is offline."),
        (UpstreamUnreachableError("No connection."), "Not started: the device cannot be reached."),
        (UpstreamUnreachableError("Vague.", "Not started: why."), "Not started: why."),
        (
            UpstreamTimeoutError("No answer in time."),
            "Start not confirmed: the device did not answer in time.",
        ),
        (
            UpstreamError("No clear answer."),
            "Start not confirmed: the device gave no clear answer.",
        ),
    ],
)
def test_process_workflow_fails_the_task_with_the_reason_when_the_device_does_not_start(
    world: MemoryPorts, error: ScanHubError, reason: str
) -> None:
    world.scan.start_error = error

    with pytest.raises(DeviceStartError, match=r"Error at starting device task\."):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    task = get_task(world, SCAN_ID)
    assert task.status is TaskStatus.FAILED
    assert task.reason is not None
    assert task.reason.startswith(reason)
    follow(world)
    assert world.exam.reports[-1].word == task.reason
    assert get_status(world) == "failed"


def test_process_workflow_never_starts_a_scan_again_whose_start_is_unknown(
    world: MemoryPorts,
) -> None:
    world.scan.start_error = UpstreamTimeoutError("No answer.")
    with pytest.raises(DeviceStartError):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.scan.start_error = None

    with pytest.raises(ConflictError, match="Start not confirmed"):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(1))

    assert len(world.scan.starts) == 1


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ({}, "sequence_parameters"),
        ({"sequence_parameters": "no JSON"}, "must be JSON"),
        ({"sequence_parameters": PARAMETERS}, "sequence_id"),
        ({"sequence_parameters": PARAMETERS, "sequence_id": "655f3b2a9d1e4c7b8a6f5e4d"}, "device"),
    ],
)
def test_trigger_task_fails_the_task_when_its_args_do_not_say_what_to_scan(
    args: dict[str, str], reason: str
) -> None:
    world = make_world(make_exam_task(SCAN_ID, TaskType.DEVICE_TASK_SIMULATOR, 1, args=args))

    with pytest.raises(InvalidInputError, match=reason):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    assert world.store.get_execution(WORKFLOW_ID) is None
    with pytest.raises(InvalidInputError, match=reason):
        call(trigger_task, world, SCAN_ID, TOKEN, at(1))

    assert get_task(world, SCAN_ID).status is TaskStatus.FAILED
    assert world.scan.starts == []


def make_free_task(**args: str) -> ExamTask:
    needs_nothing = {"input_task_ids": "[]", **args}
    return make_exam_task(RECONSTRUCTION_ID, TaskType.PROCESSING_TASK, 1, args=needs_nothing)


def test_process_workflow_creates_a_run_and_a_message_for_a_dag_task() -> None:
    world = make_world(make_free_task(dag_id=DAG_ID))

    processed = call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert processed.task is not None
    assert world.queue.dag_run_ids == [processed.task.dag_run_id]
    assert world.orchestrator.dag_runs == {}
    follow(world)
    assert world.exam.reports[-1].status is ItemStatus.STARTED


def test_process_workflow_fails_a_dag_task_that_names_no_dag() -> None:
    world = make_world(make_free_task())

    with pytest.raises(InvalidInputError, match="names no DAG"):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.FAILED
    assert world.queue.dag_run_ids == []


def test_process_workflow_leaves_a_run_to_the_reconciler_when_the_queue_fails() -> None:
    world = make_world(make_free_task(dag_id=DAG_ID))
    world.queue.error = UpstreamError("The queue is away.")

    processed = call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert processed.task is not None
    run = world.store.get_dag_run(processed.task.dag_run_id or "")
    assert run is not None
    assert run in world.store.list_due(at(60).at)


def test_process_workflow_says_completed_when_all_is_finished() -> None:
    world = make_world(SCAN.model_copy(update={"status": ItemStatus.FINISHED}))

    processed = call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert processed.task is None
    assert processed.execution.graph.workflow.status == "completed"


def test_process_workflow_takes_over_tasks_added_and_edited_since(world: MemoryPorts) -> None:
    world.scan.start_error = None
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    edited = RECONSTRUCTION.model_copy(update={"destinations": {"dag_id": "another_dag"}})
    added = make_exam_task("added", TaskType.PROCESSING_TASK, 3, destinations={"dag_id": "x"})
    world.exam.workflows[WORKFLOW_ID] = world.exam.workflows[WORKFLOW_ID].model_copy(
        update={"tasks": [SCAN, edited, added]}
    )
    world.exam.tasks |= {edited.id: edited, added.id: added}

    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(1))
    deliver(world, make_raw_data())

    assert get_task(world, "added").status is TaskStatus.PENDING
    run = world.store.get_dag_run(get_task(world, RECONSTRUCTION_ID).dag_run_id or "")
    assert run is not None
    assert run.dag_id == "another_dag"


@pytest.mark.parametrize(
    "status", [ItemStatus.STARTED, ItemStatus.INPROGRESS, ItemStatus.FINISHED, ItemStatus.DELETED]
)
def test_process_workflow_starts_no_scan_that_somebody_started_or_deleted_meanwhile(
    world: MemoryPorts, status: ItemStatus
) -> None:
    execution = call(load_execution, world, WORKFLOW_ID, at(-5))
    world.store.commit(execution.changes.entities, execution.changes.events)
    world.exam.tasks[SCAN_ID] = SCAN.model_copy(update={"status": status})

    with contextlib.suppress(ConflictError):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert world.scan.starts == []


def test_process_workflow_starts_no_scan_that_vanished_from_exam_manager(
    world: MemoryPorts,
) -> None:
    execution = call(load_execution, world, WORKFLOW_ID, at(-5))
    world.store.commit(execution.changes.entities, execution.changes.events)
    workflow = world.exam.workflows[WORKFLOW_ID]
    world.exam.workflows[WORKFLOW_ID] = workflow.model_copy(update={"tasks": []})

    assert not call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0)).is_started
    assert world.scan.starts == []


@pytest.mark.parametrize(
    ("exam", "patient", "name"),
    [
        ({"patient_height_cm": None}, {}, "patient height"),
        ({"patient_weight_kg": 0}, {}, "patient weight"),
        ({}, {"birth_date": date(2027, 1, 1)}, "patient age"),
    ],
)
def test_process_workflow_starts_no_scan_without_safe_limits(
    world: MemoryPorts, exam: dict[str, object], patient: dict[str, object], name: str
) -> None:
    world.exam.exams["exam-1"] = world.exam.exams["exam-1"].model_copy(update=exam)
    world.scan.patients["patient-1"] = world.scan.patients["patient-1"].model_copy(update=patient)

    with pytest.raises(InvalidInputError, match=name):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert world.scan.starts == []
    assert world.store.get_execution(WORKFLOW_ID) is None


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_process_workflow_starts_no_scan_with_a_field_of_view_that_is_no_number(
    value: str,
) -> None:
    args = SCAN.args | {"sequence_parameters": PARAMETERS.replace('"X": 1', f'"X": {value}', 1)}
    world = make_world(SCAN.model_copy(update={"args": args}))

    with pytest.raises(InvalidInputError, match="sequence_parameters"):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert world.scan.starts == []


def test_process_workflow_starts_no_scan_after_the_operator_was_given_up(
    world: MemoryPorts,
) -> None:
    world.clock = lambda: at(21).at

    with pytest.raises(DeviceStartError):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert world.scan.starts == []
    assert get_task(world, SCAN_ID).reason == "Not started: ScanHub's services answered too slowly."


def test_process_workflow_leaves_no_task_in_progress_after_an_unforeseen_error(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(world.scan, "start", break_down)

    with pytest.raises(RuntimeError):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert get_task(world, SCAN_ID).status is TaskStatus.FAILED


def test_process_workflow_gives_what_others_started_a_deadline() -> None:
    started = SCAN.model_copy(update={"status": ItemStatus.STARTED})
    world = make_world(started, RECONSTRUCTION)

    processed = call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert not processed.is_started
    assert get_task(world, SCAN_ID) in world.store.list_due(at(10**6).at)


def test_process_workflow_waits_for_the_data_of_a_scan_that_ended_elsewhere() -> None:
    ended = SCAN.model_copy(update={"status": ItemStatus.FINISHED, "progress": 100})
    world = make_world(ended, RECONSTRUCTION)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS

    deliver(world, make_raw_data())

    assert get_task(world, SCAN_ID).status is TaskStatus.COMPLETED
    assert len(world.queue.dag_run_ids) == 1


@pytest.mark.parametrize(
    ("status", "adopted"),
    [
        (ItemStatus.STARTED, TaskStatus.IN_PROGRESS),
        (ItemStatus.DELETED, TaskStatus.FAILED),
        (ItemStatus.FINISHED, TaskStatus.IN_PROGRESS),
    ],
)
def test_process_workflow_notes_in_the_audit_trail_what_others_did_to_a_task(
    world: MemoryPorts, status: ItemStatus, adopted: TaskStatus
) -> None:
    world.exam.tasks[SCAN_ID] = SCAN.model_copy(update={"status": status})

    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    events = world.store.list_events(f"workflow:{WORKFLOW_ID}")
    line = next(event for event in events if event.entity == f"task:{SCAN_ID}")
    assert (line.name, line.from_state, line.to_state) == ("adopt", "PENDING", adopted)


def test_process_workflow_finds_the_scan_started_when_another_call_took_the_device(
    world: MemoryPorts,
) -> None:
    # Given a second call that starts the scan after the first one has read the workflow
    read_lock = world.store.get_device_lock
    is_first = iter([True])

    def overtaken(device_id: str) -> DeviceLock:
        if next(is_first, False):
            call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
        return read_lock(device_id)

    world.store.get_device_lock = overtaken  # type: ignore[method-assign]

    # Then the device is not busy for another task: the scan is in progress
    assert not call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0)).is_started
    assert len(world.scan.starts) == 1
