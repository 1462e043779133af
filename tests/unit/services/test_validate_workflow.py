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
    deliver,
    make_exam_task,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.errors import (
    InvalidInputError,
)
from workflow_manager.domain.exam import Exam, TaskType
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.validate_workflow import (
    StartMode,
    ValidatedWorkflow,
    validate_workflow,
)


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def validate(world: MemoryPorts) -> ValidatedWorkflow:
    return call(validate_workflow, world, WORKFLOW_ID, at(0))


def problems_of(world: MemoryPorts, task_id: str) -> tuple[str, ...]:
    [planned] = [each for each in validate(world).tasks if each.task.task_id == task_id]
    return planned.problems


def test_validate_workflow_tells_what_starts_and_in_which_order(world: MemoryPorts) -> None:
    validated = validate(world)

    assert validated.is_valid
    assert [(each.task.task_id, each.start) for each in validated.tasks] == [
        (SCAN_ID, StartMode.PROCESS),
        (RECONSTRUCTION_ID, StartMode.BY_ITSELF),
    ]


def test_validate_workflow_orders_a_join_behind_all_its_inputs() -> None:
    join = make_exam_task(
        "join",
        TaskType.PROCESSING_TASK,
        0,
        args={"dag_id": DAG_ID, "input_task_ids": f'["left", "{RECONSTRUCTION_ID}"]'},
    )
    left = make_exam_task(
        "left",
        TaskType.PROCESSING_TASK,
        3,
        args={"dag_id": DAG_ID, "input_task_ids": f'["{SCAN_ID}"]'},
    )
    scan = make_exam_task(
        SCAN_ID, TaskType.DEVICE_TASK_SDK, 1, args={**SCAN_ARGS, "input_task_ids": "[]"}
    )
    world = make_world(join, scan, RECONSTRUCTION, left)

    assert [each.task.task_id for each in validate(world).tasks] == [
        SCAN_ID,
        RECONSTRUCTION_ID,
        "left",
        "join",
    ]


def test_validate_workflow_leaves_later_scans_to_the_operator() -> None:
    world = make_world(SCAN, make_exam_task("next", TaskType.DEVICE_TASK_SDK, 2, args=SCAN_ARGS))
    assert [each.start for each in validate(world).tasks] == [
        StartMode.PROCESS,
        StartMode.OPERATOR,
    ]


def test_validate_workflow_says_what_goes_step_by_step(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0), auto_advance=False)
    assert [each.start for each in validate(world).tasks] == [None, StartMode.OPERATOR]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("offline", "The device is offline."),
        ("disconnected", "The device is disconnected."),
        ("ERROR", "The device has reported an error."),
    ],
)
def test_validate_workflow_names_a_device_that_takes_no_scan(
    world: MemoryPorts, status: str, text: str
) -> None:
    world.scan.device_statuses[SCAN_ARGS["device_id"]] = status
    assert problems_of(world, SCAN_ID) == (text,)


def test_validate_workflow_names_missing_limits_of_the_patient_without_their_values(
    world: MemoryPorts,
) -> None:
    world.exam.exams["exam-1"] = Exam(id="exam-1", patient_id="patient-1", patient_weight_kg=-68)

    validated = validate(world)

    assert not validated.is_valid
    [problem] = validated.problems
    assert "patient height, patient weight is missing" in problem
    assert "68" not in problem


def test_validate_workflow_names_every_arg_that_is_missing() -> None:
    scan = make_exam_task(SCAN_ID, TaskType.DEVICE_TASK_SDK, 1, args={"timeout_minutes": "soon"})
    reconstruction = make_exam_task(RECONSTRUCTION_ID, TaskType.RECONSTRUCTION_TASK, 2)
    simulated = make_exam_task(
        "simulated", TaskType.RECONSTRUCTION_TASK, 3, args={"simulate": "true"}
    )
    world = make_world(scan, reconstruction, simulated)

    assert [problem.split('"')[1] for problem in problems_of(world, SCAN_ID)] == [
        "timeout_minutes",
        "sequence_parameters",
        "device_id",
        "sequence_id",
    ]
    assert '"dag_id"' in problems_of(world, RECONSTRUCTION_ID)[0]
    assert '"contrast"' in problems_of(world, "simulated")[0]


def test_validate_workflow_refuses_a_cycle_as_process_does() -> None:
    tasks = [
        make_exam_task("a", TaskType.PROCESSING_TASK, 1, args={"input_task_ids": '["b"]'}),
        make_exam_task("b", TaskType.PROCESSING_TASK, 2, args={"input_task_ids": '["a"]'}),
    ]
    with pytest.raises(InvalidInputError, match=r"circle: .*a.*b"):
        validate(make_world(*tasks))


def test_validate_workflow_repeats_why_a_task_failed(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    execution = world.store.get_execution(WORKFLOW_ID)
    assert execution is not None
    execution.fail(RECONSTRUCTION_ID, "Out of memory.", at(20))
    world.store.commit(execution.changes.entities, execution.changes.events)

    assert problems_of(world, RECONSTRUCTION_ID) == ("Out of memory.",)
