"""`process_workflow` looks at the whole workflow before a patient is scanned."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    RECONSTRUCTION,
    RECONSTRUCTION_ID,
    SCAN,
    SCAN_ARGS,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    get_task,
    make_exam_task,
    make_world,
)
from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    MisconfiguredError,
    NeighbourRefusedError,
    ScanHubError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import Exam, ItemStatus, TaskType
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.process_workflow import ProcessedWorkflow, process_workflow
from workflow_manager.services.trigger_task import trigger_task
from workflow_manager.services.validate_workflow import validate_workflow

BEHIND = {"args": {"dag_id": DAG_ID, "input_task_ids": f'["{RECONSTRUCTION_ID}"]'}}
LAST = make_exam_task("last", TaskType.PROCESSING_TASK, 3, **BEHIND)


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    words: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "workflow_manager.steps.tasks.tell_refusal.tell_operator",
        lambda _, task_id, word: words.append((task_id, word)),
    )
    return words


def process(world: MemoryPorts) -> ProcessedWorkflow:
    return call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))


def refuse(world: MemoryPorts) -> ScanHubError:
    with pytest.raises((InvalidInputError, ConflictError)) as caught:
        process(world)
    assert world.scan.starts == []
    return caught.value


def forget_dag(world: MemoryPorts) -> None:
    world.orchestrator.dags.clear()


def forget_sequence(world: MemoryPorts) -> None:
    world.scan.sequences.clear()


def forget_device(world: MemoryPorts) -> None:
    world.scan.device_statuses.clear()


def forget_limits(world: MemoryPorts) -> None:
    world.exam.exams["exam-1"] = Exam(id="exam-1", patient_id="patient-1", patient_weight_kg=68)


def switch_device_off(world: MemoryPorts) -> None:
    world.scan.device_statuses[SCAN_ARGS["device_id"]] = "offline"


def let_device_fail(world: MemoryPorts) -> None:
    world.scan.device_statuses[SCAN_ARGS["device_id"]] = " Error"


@pytest.mark.parametrize(
    ("spoil", "error", "text"),
    [
        (let_device_fail, ConflictError, "The device has reported an error."),
        (forget_dag, InvalidInputError, "Airflow does not know the DAG"),
        (forget_sequence, InvalidInputError, f"sequence_id:{SCAN_ARGS['sequence_id']}. POST"),
        (forget_device, InvalidInputError, "does not know the device"),
        (forget_limits, InvalidInputError, "patient height is missing"),
        (switch_device_off, ConflictError, "The device is offline."),
    ],
)
def test_workflow_that_cannot_be_carried_out_is_refused_and_its_scan_alone_is_not(
    world: MemoryPorts,
    told: list[tuple[str, str]],
    spoil: Callable[[MemoryPorts], None],
    error: type[ScanHubError],
    text: str,
) -> None:
    spoil(world)

    refusal = refuse(world)

    assert isinstance(refusal, error)
    assert text in refusal.detail
    assert told == [(SCAN_ID, refusal.detail)]
    assert world.store.get_execution(WORKFLOW_ID) is None
    if spoil in (forget_dag, switch_device_off):
        call(trigger_task, world, SCAN_ID, TOKEN, at(1))
        assert len(world.scan.starts) == 1


def test_refusal_tells_all_reasons_by_task_and_each_once(world: MemoryPorts) -> None:
    nowhere = {"destinations": {"dag_id": "nowhere"}}
    tasks = [RECONSTRUCTION.model_copy(update=nowhere), LAST.model_copy(update={"args": {}})]
    world = make_world(SCAN, *tasks)
    forget_limits(world)
    switch_device_off(world)

    refusal = refuse(world)

    assert isinstance(refusal, InvalidInputError)
    assert refusal.members["tasks"] == [
        {"task_id": SCAN_ID, "problems": ["The device is offline."]},
        {
            "task_id": RECONSTRUCTION_ID,
            "problems": ["Airflow does not know the DAG nowhere."],
        },
        {
            "task_id": "last",
            "problems": ['The task names no DAG: set "dag_id" in its destinations or in its args.'],
        },
    ]
    [problem] = refusal.members["problems"]  # type: ignore[misc]
    assert "patient height" in problem
    for text in ("offline", "nowhere", "names no DAG", "patient height"):
        assert refusal.detail.count(text) == 1


def test_data_that_nobody_makes_is_a_reason(world: MemoryPorts) -> None:
    done = RECONSTRUCTION.model_copy(update={"status": ItemStatus.FINISHED})
    assert "no data to work on" in refuse(make_world(SCAN, done, LAST)).detail

    gone = RECONSTRUCTION.model_copy(update={"status": ItemStatus.DELETED})
    assert "was deleted" in refuse(make_world(SCAN, gone, LAST)).detail


def test_failed_task_is_no_reason(world: MemoryPorts) -> None:
    free = {"args": {"input_task_ids": "[]"}}
    scan = SCAN.model_copy(update={"args": SCAN_ARGS | {"input_task_ids": "[]"}})
    world = make_world(make_exam_task("free", TaskType.PROCESSING_TASK, 0, **free), scan)
    with pytest.raises(InvalidInputError):
        process(world)
    assert get_task(world, "free").status is TaskStatus.FAILED

    assert process(world).is_started


def test_dag_tasks_start_unchecked(world: MemoryPorts) -> None:
    world = make_world(
        make_exam_task(
            "free", TaskType.PROCESSING_TASK, 0, args={"input_task_ids": "[]", "dag_id": DAG_ID}
        )
    )
    forget_dag(world)

    assert process(world).is_started


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UpstreamUnreachableError("It is away."), "It is away."),
        (NeighbourRefusedError("A proxy answers.", 404), "A proxy answers."),
        (NeighbourRefusedError("It is broken.", 500), "It is broken."),
        (MisconfiguredError("The secret cannot be used."), "The secret cannot be used."),
        (RuntimeError("Nobody has foreseen this."), "An unexpected error."),
    ],
)
def test_what_no_service_has_answered_stops_no_scan_and_is_said(
    world: MemoryPorts, error: Exception, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Any:
        raise error

    monkeypatch.setattr(world.scan, "get_device", fail)
    monkeypatch.setattr(world.orchestrator, "get_dag", fail)

    processed = process(world)

    assert processed.is_started
    assert processed.not_checked == (text,)
    problems = call(validate_workflow, make_world(), WORKFLOW_ID, at(0)).tasks
    assert not any(each.problems for each in problems)


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    over = threading.Event()
    monkeypatch.setattr("workflow_manager.steps.workflows.check_workflow.TOTAL_S", 0.05)
    yield lambda *_: over.wait()
    over.set()


def test_service_that_hangs_keeps_neither_scan_nor_dry_run_waiting(
    world: MemoryPorts, hang: Callable[..., Any]
) -> None:
    world.scan.get_device = hang  # type: ignore[method-assign]
    world.orchestrator.get_dag = hang  # type: ignore[method-assign]

    validated = call(validate_workflow, world, WORKFLOW_ID, at(0))
    processed = process(world)

    late = ("Device-manager did not answer in time.", "Airflow did not answer in time.")
    assert processed.is_started
    assert processed.not_checked == late
    problems = [problem for each in validated.tasks for problem in each.problems]
    assert problems == [f"Not checked: {text}" for text in late]


def test_dry_run_names_both_services_that_may_have_the_sequences(
    world: MemoryPorts, hang: Callable[..., Any]
) -> None:
    world.scan.get_sequence = hang  # type: ignore[method-assign]
    [scan, *_] = call(validate_workflow, world, WORKFLOW_ID, at(0)).tasks
    text = "Not checked: Exam-manager or sequence-manager did not answer in time."
    assert scan.problems == (text,)


def test_what_was_checked_is_not_asked_again(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    parts = (
        (world.exam, "get_exam"),
        (world.scan, "get_patient"),
        (world.scan, "get_sequence"),
        (world.scan, "get_device"),
        (world.orchestrator, "get_dag"),
    )

    def note(part: object, name: str) -> None:
        operation = getattr(part, name)
        monkeypatch.setattr(part, name, lambda *args: asked.append(name) or operation(*args))

    for part, name in parts:
        note(part, name)
    world.exam.add_workflow(
        world.exam.workflows[WORKFLOW_ID].model_copy(update={"tasks": [SCAN, RECONSTRUCTION, LAST]})
    )

    process(world)

    assert sorted(asked) == sorted(name for _, name in parts)


def test_limits_that_came_too_late_are_waited_for(
    world: MemoryPorts, hang: Callable[..., Any]
) -> None:
    get_patient, is_first = world.scan.get_patient, iter([True])
    world.scan.get_patient = (  # type: ignore[method-assign]
        lambda patient_id: hang() if next(is_first, False) else get_patient(patient_id)
    )

    processed = process(world)

    assert processed.is_started
    assert processed.not_checked == ("Exam-manager or patient-manager did not answer in time.",)
    limits = world.scan.starts[0][1].parametrized_sequence.acquisition_limits
    assert limits.patient_height == 172


def test_refusal_is_not_told_to_a_task_that_another_release_may_be_carrying_out(
    world: MemoryPorts, told: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    call(trigger_task, world, SCAN_ID, TOKEN, at(0))
    unreadable = get_task(world, SCAN_ID).evolve(status=TaskStatus.UNKNOWN)
    monkeypatch.setattr(world.store, "get_task", lambda *_: unreadable)

    with pytest.raises(ConflictError):
        call(trigger_task, world, SCAN_ID, TOKEN, at(1, "somebody-else"))

    assert told == []
