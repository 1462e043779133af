"""What use cases do with a task of which it is not known whose data it takes."""

import json
from datetime import timedelta
from itertools import permutations

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
    deliver_queue,
    get_task,
    make_exam_task,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.errors import (
    InvalidInputError,
    NeighbourRefusedError,
    UpstreamTimeoutError,
)
from workflow_manager.domain.exam import ExamTask, ExamWorkflow, ItemStatus, TaskType
from workflow_manager.domain.task import TaskStatus
from workflow_manager.ports import Dag
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.retry_task import retry_task
from workflow_manager.services.trigger_task import trigger_task
from workflow_manager.services.validate_workflow import validate_workflow
from workflow_manager.steps.workflows.find_templates import MAX_N_TEMPLATES, find_templates
from workflow_manager.steps.workflows.load_execution import load_execution

TEMPLATE_ID = "5b1d2a34-8f0e-4a77-9d4e-00000000aaaa"
TEMPLATE_SCAN_ID = "5b1d2a34-8f0e-4a77-9d4e-00000000bbbb"
NAME = "Anna Muster, born 1985"


def name_inputs(task: ExamTask, *entries: str) -> ExamTask:
    args = task.args | {"input_task_ids": json.dumps(entries)}
    return task.model_copy(update={"args": args})


def edit(world: MemoryPorts, task: ExamTask) -> None:
    world.exam.tasks[task.id] = task


def find_problems(world: MemoryPorts) -> dict[str, tuple[str, ...]]:
    validated = call(validate_workflow, world, WORKFLOW_ID, at(0))
    return {each.task.task_id: each.problems for each in validated.tasks if each.problems}


@pytest.fixture
def world() -> MemoryPorts:
    """A scan, and a reconstruction that names nobody."""
    return make_world(SCAN, name_inputs(RECONSTRUCTION, NAME))


@pytest.fixture
def copied() -> MemoryPorts:
    """A copy of a template whose reconstruction names the template's scan."""
    world = make_world(SCAN, name_inputs(RECONSTRUCTION, TEMPLATE_SCAN_ID))
    original = {"id": TEMPLATE_SCAN_ID, "workflow_id": TEMPLATE_ID, "is_template": True}
    tasks = [SCAN.model_copy(update=original)]
    world.exam.add_workflow(ExamWorkflow(id=TEMPLATE_ID, is_template=True, tasks=tasks))
    return world


def test_validate_workflow_lists_the_problems_of_all_tasks_at_once(world: MemoryPorts) -> None:
    other = make_exam_task("other", TaskType.PROCESSING_TASK, 3, destinations={"dag_id": "gone"})
    world = make_world(SCAN, RECONSTRUCTION, name_inputs(other, "nobody", "nobody else"))
    edit(world, name_inputs(RECONSTRUCTION, RECONSTRUCTION_ID))

    problems = find_problems(world)

    assert problems[RECONSTRUCTION_ID] == ("It takes its own data.",)
    assert [problem[:7] for problem in problems["other"][:2]] == ["Entry 1", "Entry 2"]
    assert "gone" in problems["other"][2]
    assert SCAN_ID not in problems


def test_a_dag_that_names_formats_is_not_started_without_data() -> None:
    free = name_inputs(make_exam_task("free", TaskType.PROCESSING_TASK, 1, args={"dag_id": "reco"}))
    world = make_world(free)
    tags = ("accepts:ismrmrd",)
    world.orchestrator.dags["reco"] = Dag(dag_id="reco", dag_display_name="Reco", tags=tags)
    assert find_problems(world) == {
        "free": ("The DAG reco works on ismrmrd; the task has no data.",)
    }

    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver_queue(world)

    assert world.orchestrator.dag_runs == {}
    assert "no data" in (get_task(world, "free").reason or "")


def test_nobody_starts_a_task_without_data() -> None:
    world = make_world(RECONSTRUCTION)

    for use_case, target in ((process_workflow, WORKFLOW_ID), (trigger_task, RECONSTRUCTION_ID)):
        with pytest.raises(InvalidInputError, match="no scan"):
            call(use_case, world, target, TOKEN, at(0))

    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.PENDING
    assert world.queue.dag_run_ids == []


def test_a_task_with_a_problem_waits_until_it_is_mended(world: MemoryPorts) -> None:
    with pytest.raises(InvalidInputError, match="Entry 1"):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    call(trigger_task, world, SCAN_ID, TOKEN, at(0))
    edit(world, SCAN.model_copy(update={"status": ItemStatus.FINISHED, "progress": 100}))
    with pytest.raises(InvalidInputError, match="Entry 1"):
        call(trigger_task, world, RECONSTRUCTION_ID, TOKEN, at(5))
    # The scanner is done, and the data of the scan may be what the task is to take.
    assert get_task(world, SCAN_ID).status is TaskStatus.IN_PROGRESS
    deliver(world, make_raw_data())
    assert get_task(world, RECONSTRUCTION_ID).status is TaskStatus.PENDING

    edit(world, name_inputs(RECONSTRUCTION, SCAN_ID))
    call(trigger_task, world, RECONSTRUCTION_ID, TOKEN, at(30))

    run = world.store.get_dag_run(get_task(world, RECONSTRUCTION_ID).dag_run_id or "")
    assert run is not None and run.data is not None and run.data.key == make_raw_data().key


def test_retry_task_asks_again_whose_data_it_takes(world: MemoryPorts) -> None:
    edit(world, RECONSTRUCTION)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    execution = call(load_execution, world, WORKFLOW_ID, at(20))
    execution.fail(RECONSTRUCTION_ID, "Out of memory.", at(20))
    world.store.commit(execution.changes.entities, execution.changes.events)
    edit(world, name_inputs(RECONSTRUCTION, NAME))

    with pytest.raises(InvalidInputError, match="Entry 1"):
        call(retry_task, world, WORKFLOW_ID, RECONSTRUCTION_ID, TOKEN, at(30))


def test_names_of_tasks_are_not_stored(world: MemoryPorts) -> None:
    edit(world, SCAN.model_copy(update={"name": NAME}))

    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    assert get_task(world, RECONSTRUCTION_ID).input_task_ids == (SCAN_ID,)
    execution = world.store.get_execution(WORKFLOW_ID)
    assert execution is not None
    assert "Anna" not in "".join(t.model_dump_json() for t in execution.graph.tasks.values())


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_both_reconstructions_of_a_copied_scan_get_its_data(order: tuple[int, ...]) -> None:
    second = RECONSTRUCTION.model_copy(update={"id": "second"})
    tasks = [
        task.model_copy(update={"datetime_created": SCAN.datetime_created + timedelta(0, 0, n)})
        for task, n in zip((SCAN, RECONSTRUCTION, second), order, strict=True)
    ]
    world = make_world(*tasks)

    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    assert len(world.scan.starts) == 1 and world.queue.dag_run_ids == []
    deliver(world, make_raw_data())
    deliver_queue(world)

    assert [conf["key"] for conf in world.orchestrator.dag_runs.values()] == 2 * [
        make_raw_data().key
    ]


def test_an_id_of_the_template_means_its_copy(copied: MemoryPorts) -> None:
    assert find_problems(copied) == {}

    call(process_workflow, copied, WORKFLOW_ID, TOKEN, at(0))

    assert get_task(copied, RECONSTRUCTION_ID).input_task_ids == (SCAN_ID,)


@pytest.mark.parametrize(
    ("case", "words"),
    [("deleted", "the workflow lacks"), ("another patient's", "another workflow"), ("two", "copy")],
)
def test_an_id_of_a_template_that_tells_nothing_is_a_problem(
    copied: MemoryPorts, case: str, words: str
) -> None:
    if case == "deleted":
        del copied.exam.tasks[TEMPLATE_SCAN_ID]
    elif case == "two":
        listed = copied.exam.workflows[WORKFLOW_ID]
        again = SCAN.model_copy(update={"id": "again"})
        copied.exam.add_workflow(listed.model_copy(update={"tasks": [*listed.tasks, again]}))
    else:
        foreign = copied.exam.tasks[TEMPLATE_SCAN_ID].model_copy(update={"is_template": False})
        copied.exam.tasks[TEMPLATE_SCAN_ID] = foreign

    assert words in find_problems(copied)[RECONSTRUCTION_ID][0]


def test_a_template_whose_workflow_is_gone_still_has_its_task(copied: MemoryPorts) -> None:
    del copied.exam.workflows[TEMPLATE_ID]
    assert find_problems(copied) == {}


@pytest.mark.parametrize(
    "error", [UpstreamTimeoutError("No answer."), NeighbourRefusedError("A proxy says so.", 404)]
)
def test_a_template_that_cannot_be_looked_up_is_asked_for_again(
    copied: MemoryPorts, error: Exception
) -> None:
    copied.exam.fail_with["get_task"] = error  # type: ignore[assignment]
    with pytest.raises(type(error)):
        call(process_workflow, copied, WORKFLOW_ID, TOKEN, at(0))
    assert copied.store.get_execution(WORKFLOW_ID) is None


def test_find_templates_asks_for_ids_alone_and_for_few_of_them(world: MemoryPorts) -> None:
    world.exam.fail_with["get_task"] = UpstreamTimeoutError("Nobody was to be asked.")
    workflow = world.exam.get_workflow(WORKFLOW_ID)
    assert find_templates(world.exam, workflow) == {}

    asked: list[str] = []

    def get_task(task_id: str) -> ExamTask:
        asked.append(task_id)
        raise NeighbourRefusedError("Gone.", 404, is_own=True)

    world.exam.get_task = get_task  # type: ignore[method-assign]
    ids = [f"5b1d2a34-8f0e-4a77-9d4e-{n:012}" for n in range(20)]
    tasks = [name_inputs(RECONSTRUCTION, *ids)]
    assert find_templates(world.exam, workflow.model_copy(update={"tasks": tasks})) == {}
    assert asked == ids[:MAX_N_TEMPLATES]


def test_tasks_taken_over_by_an_earlier_release_take_the_new_inputs_unless_they_run() -> None:
    second = RECONSTRUCTION.model_copy(
        update={"id": "second", "datetime_created": SCAN.datetime_created + timedelta(hours=1)}
    )
    world = make_world(SCAN, RECONSTRUCTION, second)
    execution = call(load_execution, world, WORKFLOW_ID, at(0))
    old = execution.graph.tasks["second"].evolve(input_task_ids=(RECONSTRUCTION_ID,))
    execution.put_task(old, at(0))
    running = execution.graph.tasks[RECONSTRUCTION_ID].evolve(
        input_task_ids=(), status=TaskStatus.IN_PROGRESS
    )
    execution.put_task(running, at(0))
    world.store.commit(execution.changes.entities, execution.changes.events)

    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(1))

    assert get_task(world, "second").input_task_ids == (SCAN_ID,)
    assert get_task(world, RECONSTRUCTION_ID).input_task_ids == ()


def test_a_task_that_names_no_dag_takes_that_of_the_deployment() -> None:
    scan = SCAN.model_copy(update={"status": ItemStatus.FINISHED, "args": SCAN_ARGS})
    world = make_world(scan, RECONSTRUCTION.model_copy(update={"destinations": {}}))
    assert '"dag_id"' in find_problems(world)[RECONSTRUCTION_ID][0]

    for dag_id, n_problems in (("unknown", 1), ("not an id", 1), (DAG_ID, 0)):
        default = {"default_reconstruction_dag": dag_id, "default_processing_dag": "other"}
        world.settings = world.settings.model_copy(update=default)
        assert len(find_problems(world).get(RECONSTRUCTION_ID, ())) == n_problems
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    deliver(world, make_raw_data())
    deliver_queue(world)

    assert [dag_id for dag_id, _ in world.orchestrator.dag_runs] == [DAG_ID]


def test_validate_workflow_names_a_task_whose_input_is_completed_and_left_nothing() -> None:
    done = make_exam_task("done", TaskType.PROCESSING_TASK, 1, status=ItemStatus.FINISHED)
    world = make_world(name_inputs(done), name_inputs(RECONSTRUCTION, "done"))

    assert find_problems(world) == {
        RECONSTRUCTION_ID: ("The task before it has left no data to work on.",)
    }
