"""Copies of templates: the right input or a problem, whatever exam-manager and operators do."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clients import FakeExam
from tests.fakes.world import DAG_ID, WORKFLOW_ID, at
from workflow_manager.domain.definition import make_tasks
from workflow_manager.domain.exam import ExamTask, ExamWorkflow, ItemStatus, TaskType
from workflow_manager.domain.task import Task
from workflow_manager.settings import Settings
from workflow_manager.steps.workflows.find_templates import find_templates

TYPES = {
    "s": TaskType.DEVICE_TASK_SDK,
    "r": TaskType.RECONSTRUCTION_TASK,
    "p": TaskType.PROCESSING_TASK,
}
# What the operator meant: whose data each DAG task takes.
SHAPES: list[dict[str, list[str]]] = [
    {"s1": [], "r1": ["s1"]},
    {"s1": [], "r1": ["s1"], "r2": ["s1"]},
    {"s1": [], "r1": ["s1"], "p1": ["r1"]},
    {"s1": [], "r1": ["s1"], "p1": ["r1"], "p2": ["p1"]},
    {"s1": [], "r1": ["s1"], "s2": [], "r2": ["s2"]},
    {"s1": [], "r1": ["s1"], "s2": [], "r2": ["s2"], "p1": ["r1", "r2"]},
]
TEMPLATE_ID = str(UUID(int=1))


def id_of(key: str, *, is_template: bool) -> str:
    return str(UUID(int=1000 * (1 + is_template) + 100 * "srp".index(key[0]) + int(key[1])))


@dataclass
class Case:
    """A template, its copy, and what the copy's tasks are meant to take."""

    meant: dict[str, list[str]]
    template: list[ExamTask]
    copies: list[ExamTask]

    def resolve(self) -> dict[str, Task]:
        exam = FakeExam()
        exam.add_workflow(ExamWorkflow(id=TEMPLATE_ID, is_template=True, tasks=self.template))
        workflow = ExamWorkflow(id=WORKFLOW_ID, exam_id="exam", tasks=self.copies)
        templates = find_templates(exam, workflow)
        policy = Settings(airflow_url="http://airflow.invalid").policy
        return {t.task_id: t for t in make_tasks(workflow, policy, at(0).at, templates)}


def make_case(draw: st.DrawFn, styles: list[str]) -> Case:
    meant = draw(st.sampled_from(SHAPES))
    if {"p2", "s2"} & meant.keys():
        # Unnamed, they could not be told apart.
        styles = [style for style in styles if style]
    style = draw(st.sampled_from(styles))
    template = []
    for n, (key, inputs) in enumerate(meant.items()):
        args = {"sequence_id": key} if key[0] == "s" else {"dag_id": DAG_ID}
        if style and inputs:
            named = [id_of(each, is_template=True) if style == "id" else each for each in inputs]
            args["input_task_ids"] = json.dumps(named)
        template.append(make_task(key, n, args, is_template=True))
    order = draw(st.permutations(template))
    copies = [make_task(each.name, n, each.args, is_template=False) for n, each in enumerate(order)]
    return Case(meant, template, copies)


def make_task(key: str, n: int, args: dict[str, str], *, is_template: bool) -> ExamTask:
    return ExamTask(
        id=id_of(key, is_template=is_template),
        workflow_id=TEMPLATE_ID if is_template else WORKFLOW_ID,
        name=key,
        type=TYPES[key[0]],
        args=args,
        status=ItemStatus.NEW,
        is_template=is_template,
        datetime_created=datetime(2026, 11, 23, 20) + n * timedelta(milliseconds=10),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return a copy of a template whose tasks name inputs by id, by name, or not at all."""
    return make_case(draw, ["id", "name", ""])


def check(case: Case, *, is_complete: bool = False) -> None:
    resolved = case.resolve()
    for key, inputs in case.meant.items():
        task = resolved.get(id_of(key, is_template=False))
        if task is None:
            continue
        expected = tuple(id_of(each, is_template=False) for each in inputs)
        assert task.input_task_ids == expected or (task.input_problems and not is_complete)
        assert not (task.input_problems and task.input_task_ids)


@given(cases())
def test_a_copy_in_any_order_takes_the_copies_of_what_the_template_takes(case: Case) -> None:
    check(case, is_complete=True)


@st.composite
def edited_cases(draw: st.DrawFn) -> Case:
    """Return a copy by ids of which each task, and each of the template, was edited once."""
    case = make_case(draw, ["id"])
    for tasks in (case.template, case.copies):
        for n, task in reversed(list(enumerate(tasks))):
            edit = draw(st.sampled_from(["", "", "name", "args", "delete"]))
            if edit == "name":
                tasks[n] = task.model_copy(update={"name": f"renamed {task.id}"})
            elif edit == "args":
                tasks[n] = task.model_copy(update={"args": task.args | {"edited": str(n)}})
            elif edit == "delete":
                del tasks[n]
    return case


@st.composite
def renamed_cases(draw: st.DrawFn) -> Case:
    """Return a copy by ids whose tasks were given each other's names, and some were deleted."""
    case = make_case(draw, ["id"])
    names = draw(st.permutations([task.name for task in case.copies]))
    kept = draw(st.sets(st.sampled_from(names)))
    case.copies = [
        task.model_copy(update={"name": name})
        for task, name in zip(case.copies, names, strict=True)
        if task.name in kept or task.name[0] == "r"
    ]
    return case


@given(st.one_of(edited_cases(), renamed_cases()))
def test_an_edited_copy_takes_the_right_data_or_has_a_problem(case: Case) -> None:
    check(case)
