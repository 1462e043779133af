import json
import re
from datetime import datetime, timedelta
from itertools import permutations

import pytest

from tests.fakes.ports import call
from tests.fakes.world import (
    SCAN,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver_queue,
    get_status,
    get_task,
    make_exam_task,
    make_world,
)
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.exam import ExamTask, ExamWorkflow, TaskType
from workflow_manager.domain.task import TaskStatus
from workflow_manager.domain.task_inputs import Inputs, resolve_inputs
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results

SCAN_TYPE = TaskType.DEVICE_TASK_SDK


def make_task(task_id: str, order: int, inputs: object = None) -> ExamTask:
    args = {"dag_id": "dag_reco"}
    if inputs is not None:
        args["input_task_ids"] = inputs if isinstance(inputs, str) else json.dumps(inputs)
    return make_exam_task(task_id, TaskType.PROCESSING_TASK, order, args=args)


A_MOMENT, A_WHILE = timedelta(seconds=0.9), timedelta(minutes=1)
START = datetime(2026, 11, 23, 20)


def make_workflow(kinds: str, spacing: timedelta) -> list[ExamTask]:
    """Return tasks named s1, r1, p1 and so on (scan, reconstruction, processing), in this order."""
    types = {"s": SCAN_TYPE, "r": TaskType.RECONSTRUCTION_TASK, "p": TaskType.PROCESSING_TASK}
    return [
        make_exam_task(name, types[name[0]], 0, name=name, datetime_created=START + n * spacing)
        for n, name in enumerate(kinds.split())
    ]


def resolve(*tasks: ExamTask) -> dict[str, tuple[str, ...]]:
    return {task_id: each.task_ids for task_id, each in look(*tasks).items()}


def look(*tasks: ExamTask) -> dict[str, Inputs]:
    return resolve_inputs(ExamWorkflow(id=WORKFLOW_ID, tasks=list(tasks)))


def problems_of(task_id: str, *tasks: ExamTask) -> str:
    return " ".join(look(*tasks)[task_id].problems)


@pytest.mark.parametrize("spacing", [timedelta(0), A_MOMENT, A_WHILE])
@pytest.mark.parametrize("order", list(permutations(["s1", "r1", "r2"])))
def test_reconstructions_of_the_only_scan_take_it_in_any_order(
    order: tuple[str, ...], spacing: timedelta
) -> None:
    inputs = resolve(*make_workflow(" ".join(order), spacing))

    assert inputs == {"s1": (), "r1": ("s1",), "r2": ("s1",)}


@pytest.mark.parametrize("spacing", [timedelta(0), A_MOMENT, A_WHILE])
@pytest.mark.parametrize("order", list(permutations(["s1", "r1", "p1", "p2"])))
def test_processing_takes_the_only_reconstruction_in_any_order(
    order: tuple[str, ...], spacing: timedelta
) -> None:
    inputs = resolve(*make_workflow(" ".join(order), spacing))

    assert inputs == {"s1": (), "r1": ("s1",), "p1": ("r1",), "p2": ("r1",)}


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ("s1 r1 s2 r2", {"r1": "s1", "r2": "s2"}),
        ("s1 s2 r1", {"r1": "s2"}),
        ("s1 r1 r2 p1", {"r1": "s1", "r2": "s1", "p1": "r2"}),
        ("s1 r1 p1 r2 p2", {"p1": "r1", "p2": "r2"}),
        ("s1 p1 p2", {"p1": "s1", "p2": "s1"}),
        ("p1 s1", {"p1": "s1"}),
        ("r1 s1 s2", {"r1": None}),
        ("p1 s1 r1 r2", {"p1": None}),
        ("r1 p1", {"r1": None, "p1": "r1"}),
    ],
)
def test_a_task_made_by_hand_takes_the_nearest_before_it(
    kinds: str, expected: dict[str, str | None]
) -> None:
    inputs = look(*make_workflow(kinds, A_WHILE))

    for task_id, input_id in expected.items():
        assert inputs[task_id].task_ids == ((input_id,) if input_id else ())
        assert bool(inputs[task_id].problems) == (input_id is None)


@pytest.mark.parametrize("order", list(permutations(["s1", "s2", "r1", "r2"])))
def test_of_two_scans_made_together_none_is_taken_unnamed(order: tuple[str, ...]) -> None:
    inputs = look(*make_workflow(" ".join(order), A_MOMENT))

    assert all("several scans" in inputs[each].problems[0] for each in ("r1", "r2"))


def test_what_is_added_later_takes_neither_of_two_copies() -> None:
    copies = make_workflow("s1 s2", A_MOMENT)
    added = make_exam_task("r1", TaskType.RECONSTRUCTION_TASK, 59)

    assert "several scans" in problems_of("r1", *copies, added)


def test_the_scan_named_as_input_is_taken_in_every_order() -> None:
    named = {"input_task_ids": '["s1"]'}
    for order in permutations(["s1", "r1", "s2"]):
        tasks = make_workflow(" ".join(order), A_MOMENT)
        tasks = [t.model_copy(update={"args": named}) if t.id == "r1" else t for t in tasks]
        assert resolve(*tasks)["r1"] == ("s1",)


def test_resolve_inputs_takes_what_is_named() -> None:
    inputs = resolve(
        make_task("a", 1, []),
        make_task("b", 2, ["a"]),
        make_task("c", 3, ["a"]),
        make_task("d", 4, ["b", "c", "b"]),
        make_task("e", 5, []),
    )

    assert inputs == {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ()}


def test_an_input_is_named_by_id_in_any_spelling_or_by_name() -> None:
    scan = SCAN.model_copy(update={"name": "T1 Anna Muster"})
    tasks = [
        scan,
        make_task("a", 2, ["T1 Anna Muster"]),
        make_task("b", 3, [f"{{{SCAN_ID.upper()}}}"]),
        make_task("c", 4, [SCAN_ID, "T1 Anna Muster"]),
    ]

    assert {each: resolve(*tasks)[each] for each in "abc"} == dict.fromkeys("abc", (SCAN_ID,))
    assert "Anna" not in repr(scan)


HOSTILE = "\ud800\x1b[2J" + "x" * 10_000


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (["a"], "its own data"),
        (["called a"], "its own data"),
        (["b", "nobody"], "Entry 2 "),
        ([""], "Entry 1 "),
        ([HOSTILE], "Entry 1 "),
        (["x", HOSTILE], "Entry 1 .* Entry 2 "),
        (["twice"], r"several tasks \(c, d\)"),
        (["b"] * 20 + ["e"], r"several tasks \(e, f\)"),
        (["5b1d2a34-8f0e-4a77-9d4e-000000000000"], "data of 5b1d2a34-8f0e-4a77-9d4e-0"),
        ([f"n{n}" for n in range(1000)], "Entry 10 "),
        ("b", "JSON list"),
        ("[" * 50_000, "JSON list"),
        ([1], "JSON list"),
        ({"b": 1}, "JSON list"),
    ],
)
def test_what_a_task_names_in_vain_is_a_problem_of_its_own(inputs: object, words: str) -> None:
    names = {"a": "called a", "c": "twice", "d": "twice", "e": "", "f": "e"}
    tasks = [make_task("a", 1, inputs), *(make_task(each, 2, []) for each in "bcdef")]
    tasks = [task.model_copy(update={"name": names.get(task.id, "")}) for task in tasks]

    problems = problems_of("a", *tasks)

    assert re.search(words, problems)
    assert problems.isprintable() and len(problems) < 1500
    assert "nobody" not in problems
    assert problems_of("b", *tasks) == ""


def test_a_circle_concerns_the_whole_workflow() -> None:
    with pytest.raises(InvalidInputError, match="circle"):
        resolve(make_task("a", 1, ["b"]), make_task("b", 2, ["a"]))


@pytest.mark.parametrize(
    ("inputs", "simulate", "words"),
    [
        (None, "", "no scan"),
        ([], "", "works on data"),
        (["simulated"], "", "data of simulated"),
        (None, "True", ""),
        ([], "true", ""),
        (["simulated"], "true", ""),
    ],
)
def test_a_reconstruction_has_data_or_is_simulated(
    inputs: list[str] | None, simulate: str, words: str
) -> None:
    args = {"simulate": simulate}
    if inputs is not None:
        args["input_task_ids"] = json.dumps(inputs)
    task = make_exam_task("a", TaskType.RECONSTRUCTION_TASK, 1, args=args)
    free = make_exam_task(
        "simulated", TaskType.PROCESSING_TASK, 2, args={"simulate": "true", "input_task_ids": "[]"}
    )

    assert bool(problems_of("a", task, free)) == bool(words)
    assert re.search(words, problems_of("a", task, free))
    simulated = resolve_inputs(ExamWorkflow(id="w", tasks=[task, free]), is_simulated=True)
    assert simulated["a"].problems == ()


def test_process_workflow_stores_nothing_of_a_graph_that_cannot_be() -> None:
    world = make_world(make_task("a", 1, ["b"]), make_task("b", 2, ["a"]))

    with pytest.raises(InvalidInputError):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert world.store.get_execution(WORKFLOW_ID) is None


def test_join_starts_once_when_both_branches_are_completed() -> None:
    world = make_world(
        make_task("a", 1, []),
        make_task("b", 2, ["a"]),
        make_task("c", 3, ["a"]),
        make_task("d", 4, ["b", "c"]),
    )

    def finish(task_id: str, seconds: float) -> None:
        deliver_queue(world, seconds)
        run_id = get_task(world, task_id).dag_run_id or ""
        key = f"result/{run_id}/out.npy"
        world.lake.put(key, b"image", "")
        token = callback_token(world, run_id)
        call(
            receive_results,
            world,
            token,
            Callback(result_file=f"s3://data-lake/{key}"),
            at(seconds),
        )

    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    finish("a", 1)
    finish("b", 2)
    assert get_task(world, "d").status is TaskStatus.PENDING
    finish("c", 3)
    assert get_task(world, "d").status is TaskStatus.IN_PROGRESS
    finish("d", 4)

    assert get_status(world) == "completed"
    assert len(world.orchestrator.dag_runs) == 4
