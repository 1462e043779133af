"""List workflows, with their tasks where they are wanted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.errors import StoreUnavailableError
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.domain.waiting import list_asked_runs
from workflow_manager.domain.workflow import Workflow
from workflow_manager.ports import WorkflowStore
from workflow_manager.steps.side_by_side import Line, ask_side_by_side

N_LINES = 8
TOTAL_S = 10.0


@dataclass(frozen=True)
class Board:
    """The workflows of a page with their tasks.

    Parameters
    ----------
    runs
        What tasks in progress wait for, by id.
    """

    graphs: list[TaskGraph]
    runs: dict[str, DagRun] = field(default_factory=dict)


def read_board(
    store: WorkflowStore, workflows: Sequence[Workflow], device_id: str | None = None
) -> Board:
    """Return workflows with their tasks.

    Parameters
    ----------
    workflows
        As they were read before: tasks that are read later are as new, or newer.
    device_id
        Only those with a scan on this device.

    Raises
    ------
    StoreUnavailableError
        Not all tasks can be read.
    """
    lines: list[Line[str]] = [
        [(each.workflow_id, partial(store.show_tasks, each)) for each in some]
        for some in (workflows[n::N_LINES] for n in range(N_LINES))
    ]
    answers = ask_side_by_side([line for line in lines if line], TOTAL_S)
    graphs = [_join(each, answers.get(each.workflow_id)) for each in workflows]
    if device_id is not None:
        graphs = [each for each in graphs if _scans_on(each, device_id)]
    asked = [run_id for graph in graphs for run_id in list_asked_runs(graph)]
    return Board(graphs, store.get_dag_runs(asked))


def _join(workflow: Workflow, answer: object) -> TaskGraph:
    if not isinstance(answer, dict):
        raise StoreUnavailableError("The state table cannot be read.")
    return TaskGraph(workflow, answer)


def _scans_on(graph: TaskGraph, device_id: str) -> bool:
    scans = (task for task in graph.tasks.values() if task.task_type.is_device_task)
    return any(task.args.get("device_id") == device_id for task in scans)
