import json

import pytest

from tests.fakes.ports import call
from tests.fakes.world import (
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
from workflow_manager.domain.task_inputs import resolve_inputs
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results


def make_task(task_id: str, order: int, inputs: object = None) -> ExamTask:
    args = {"dag_id": "dag_reco"}
    if inputs is not None:
        args["input_task_ids"] = inputs if isinstance(inputs, str) else json.dumps(inputs)
    return make_exam_task(task_id, TaskType.PROCESSING_TASK, order, args=args)


def resolve(*tasks: ExamTask) -> dict[str, tuple[str, ...]]:
    return resolve_inputs(ExamWorkflow(id=WORKFLOW_ID, tasks=list(tasks)))


def test_resolve_inputs_takes_the_task_created_before_where_none_is_named() -> None:
    inputs = resolve(make_task("c", 3), make_task("a", 1), make_task("b", 2))

    assert inputs == {"a": (), "b": ("a",), "c": ("b",)}


def test_resolve_inputs_takes_what_is_named() -> None:
    inputs = resolve(
        make_task("a", 1),
        make_task("b", 2, ["a"]),
        make_task("c", 3, ["a"]),
        make_task("d", 4, ["b", "c", "b"]),
        make_task("e", 5, []),
    )

    assert inputs == {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ()}


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([make_task("a", 1, ["a"])], "Task a takes its own data"),
        ([make_task("a", 1, ["x"])], "the data of x"),
        ([make_task("a", 1, ["b"]), make_task("b", 2, ["a"])], "circle"),
        ([make_task("a", 1, "b")], "JSON list"),
        ([make_task("a", 1, [1])], "JSON list"),
        ([make_task("a", 1, {"b": 1})], "JSON list"),
    ],
)
def test_resolve_inputs_names_what_cannot_be(tasks: list[ExamTask], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        resolve(*tasks)


def test_process_workflow_stores_nothing_of_a_graph_that_cannot_be() -> None:
    world = make_world(make_task("a", 1, ["a"]))

    with pytest.raises(InvalidInputError):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert world.store.get_execution(WORKFLOW_ID) is None


def test_join_starts_once_when_both_branches_are_completed() -> None:
    world = make_world(
        make_task("a", 1),
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
