import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    deliver,
    deliver_queue,
    make_raw_data,
    make_world,
)
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.domain.waiting import list_asked_runs
from workflow_manager.http.schemas import WorkflowView
from workflow_manager.services.get_workflow import (
    MAX_N_EVENTS,
    describe_graph,
    get_workflow,
    list_trail,
)
from workflow_manager.services.process_workflow import process_workflow


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def show(world: MemoryPorts, seconds: float) -> WorkflowView:
    graph = read(world, seconds)
    return WorkflowView.of(
        graph,
        world.store.get_dag_runs(list_asked_runs(graph)),
        call(list_trail, world, graph),
        "https://api/workflows/1/",
    )


def read(world: MemoryPorts, seconds: float) -> TaskGraph:
    workflow = world.store.get_workflow(WORKFLOW_ID)
    return call(get_workflow, world, WORKFLOW_ID, workflow, at(seconds))


def read_version(world: MemoryPorts, seconds: float) -> list[str]:
    return describe_graph(read(world, seconds))


def test_get_workflow_shows_a_workflow_that_was_never_processed(world: MemoryPorts) -> None:
    view = show(world, 0)

    assert view.status == "pending"
    assert [task.status for task in view.tasks] == ["PENDING", "PENDING"]
    assert world.store.get_execution(WORKFLOW_ID) is None


def test_get_workflow_shows_state_and_audit_trail(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))

    view = show(world, 1)

    assert view.status == "running"
    assert [event.name for event in view.events] == ["define", "claim", "confirm_scan"]
    assert view.events[1].actor == "operator"


def test_get_workflow_shows_the_scans_progress_from_exam_manager(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(update={"progress": 40})

    graph = read(world, 1)

    assert graph.tasks[SCAN_ID].progress == 40


def test_version_stays_while_nothing_happens(world: MemoryPorts) -> None:
    assert read_version(world, 0) == read_version(world, 1)
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(2))
    assert read_version(world, 3) == read_version(world, 4)


def test_version_follows_every_change_that_is_shown(world: MemoryPorts) -> None:
    versions = [read_version(world, 0)]
    # When it is processed, the scan gets on, its data arrives, and the run starts in Airflow
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(1))
    versions.append(read_version(world, 2))
    world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(update={"progress": 40})
    versions.append(read_version(world, 3))
    deliver(world, make_raw_data())
    versions.append(read_version(world, 10))
    deliver_queue(world)
    versions.append(read_version(world, 11))

    assert len({str(version) for version in versions}) == 5


def test_version_follows_what_exam_manager_changes_before_the_first_start(
    world: MemoryPorts,
) -> None:
    before = read_version(world, 0)
    [workflow] = world.exam.workflows.values()
    world.exam.add_workflow(workflow.model_copy(update={"tasks": workflow.tasks[1:]}))

    assert read_version(world, 1) != before


def test_get_workflow_shows_the_newest_lines_and_where_all_are(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))
    for n in range(MAX_N_EVENTS):
        call(process_workflow, world, WORKFLOW_ID, TOKEN, at(n + 1), n % 2 == 1)
    trail = world.store.list_events(f"workflow:{WORKFLOW_ID}")

    view = show(world, 500)

    assert len(trail) > MAX_N_EVENTS
    assert [line.event_id for line in view.events] == [
        line.event_id for line in trail[-MAX_N_EVENTS:]
    ]
    assert view.events_url == "https://api/workflows/1/events/"
