"""Tasks whose inputs and place are fields of their own."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.fakes.world import NOW, WORKFLOW_ID, make_exam_task
from workflow_manager.domain.definition import make_tasks
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.exam import (
    AcquisitionParameter,
    Exam,
    ExamResult,
    ExamTask,
    ExamWorkflow,
    Gender,
    ItemStatus,
    Patient,
    TaskType,
)
from workflow_manager.domain.policy import ExecutionPolicy
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.steps.patients.load_limits import make_limits
from workflow_manager.steps.scans.start_scan import parse_parameters

SDK, DAG = TaskType.DEVICE_TASK_SDK, TaskType.PROCESSING_TASK
POLICY = ExecutionPolicy("data-lake", 60, dict.fromkeys(TaskType, 60))
ONE = {"x": 1, "y": 1, "z": 1}


def define(*tasks: ExamTask) -> dict[str, Task]:
    workflow = ExamWorkflow(id=WORKFLOW_ID, tasks=list(tasks))
    return {task.task_id: task for task in make_tasks(workflow, POLICY, NOW)}


def scan(task_id: str, position: int, **fields: Any) -> ExamTask:
    return make_exam_task(task_id, SDK, 10 - position, position=position, **fields)


def dag_task(inputs: Sequence[str], **fields: Any) -> ExamTask:
    return make_exam_task("dag", DAG, 1, input_task_ids=tuple(inputs), **fields)


def test_tasks_stand_in_their_place_whenever_they_were_made() -> None:
    tasks = define(scan("b", 2), dag_task(["a"], position=1), scan("a", 0))
    assert list(tasks) == ["a", "dag", "b"]
    assert sorted(tasks, key=lambda each: tasks[each].defined_at) == ["a", "dag", "b"]


def test_a_task_takes_the_data_that_it_names_and_nothing_else() -> None:
    tasks = define(scan("a", 0), scan("b", 1), dag_task(["b", "a"], position=2))
    assert tasks["dag"].input_task_ids == ("b", "a")


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ([], "DAG task input does not exist"),
        (["gone"], "neither the id nor the name"),
        (["1" * 8 + "-1111-4111-8111-" + "1" * 12], "which the workflow lacks"),
        (["dag"], "takes its own data"),
    ],
)
@pytest.mark.parametrize("task_type", [DAG, TaskType.RECONSTRUCTION_TASK])
def test_what_it_names_in_vain_is_a_problem_and_never_a_guess(
    inputs: list[str], problem: str, task_type: TaskType
) -> None:
    task = dag_task(inputs, position=1).model_copy(update={"type": task_type})
    assert problem in " ".join(define(scan("a", 0), task)["dag"].input_problems)


def test_a_simulated_run_needs_no_input() -> None:
    task = dag_task([], position=1, args={"simulate": "true", "contrast": "t2"})
    assert define(scan("a", 0), task)["dag"].input_problems == ()


def test_a_task_in_error_has_failed_and_is_not_deleted() -> None:
    task = define(scan("a", 0, status=ItemStatus.ERROR))["a"]
    assert (task.status, task.is_deleted) == (TaskStatus.FAILED, False)
    assert task.reason == "Exam-manager shows that it has failed."


def parse(typed: str | None) -> object:
    args = {} if typed is None else {"acquisition_parameter": typed}
    return parse_parameters(define(scan("a", 0, args=args))["a"])


def test_parameters_of_a_field_of_their_own_may_be_none() -> None:
    text = f'{{"fov_scaling": {ONE}, "fov_offset": {ONE}, "fov_rotation": {ONE}}}'
    found = parse(text.replace("'", '"'))
    assert isinstance(found, AcquisitionParameter)
    assert found.fov_rotation.z == 1
    assert parse("null") is None


@pytest.mark.parametrize("typed", [None, "{}", "[]", '{"fov_scaling": {"x": "NaN"}}'])
def test_parameters_that_cannot_be_are_refused(typed: str | None) -> None:
    with pytest.raises(InvalidInputError):
        parse(typed)


def make_patient(height: float, weight: float) -> Patient:
    return Patient(
        birth_date=datetime(1985, 1, 1), sex=Gender.OTHER, height_cm=height, weight_kg=weight
    )


def test_a_patients_own_sizes_count_without_what_is_behind_the_point() -> None:
    exam = Exam(id="e", patient_height_cm=1, patient_weight_kg=1)
    limits = make_limits(exam, make_patient(172.9, 68.5), NOW.date())
    assert (limits.patient_height, limits.patient_weight) == (172, 68)


@pytest.mark.parametrize("height", [0, 0.9, -3])
def test_no_scan_without_a_height_that_can_be(height: float) -> None:
    with pytest.raises(InvalidInputError, match="height"):
        make_limits(Exam(id="e"), make_patient(height, 70), NOW.date())


WRITTEN_AT = datetime(2026, 2, 1, 10)


@pytest.mark.parametrize(
    ("result", "is_fresh"),
    [
        ({"directory": "/data/a", "datetime_created": WRITTEN_AT + timedelta(seconds=1)}, True),
        ({"directory": "", "datetime_created": WRITTEN_AT + timedelta(seconds=1)}, False),
        ({"directory": "/data/a", "datetime_created": WRITTEN_AT - timedelta(seconds=1)}, False),
        ({"directory": "/data/a", "datetime_created": NOW}, False),
        ({"directory": "/data/a"}, False),
        (
            {
                "type": "CALIBRATION",
                "directory": "/data/a",
                "datetime_created": WRITTEN_AT + timedelta(seconds=1),
            },
            False,
        ),
    ],
)
def test_only_a_file_behind_the_last_word_is_fresh(
    result: dict[str, Any], *, is_fresh: bool
) -> None:
    listed = ExamResult.model_validate({"type": "NOT_SET", **result})
    task = scan("a", 0, datetime_updated=WRITTEN_AT, results=[listed])
    assert task.has_fresh_data is is_fresh
