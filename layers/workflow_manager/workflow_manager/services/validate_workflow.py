"""Say what processing a workflow would do, and what is missing for it."""

from dataclasses import dataclass
from enum import StrEnum
from graphlib import TopologicalSorter

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.ports import ExamClient, Orchestrator, ScanClient, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.tasks.check_task import Complaint, Kind
from workflow_manager.steps.workflows.check_workflow import Answers, check_workflow
from workflow_manager.steps.workflows.load_execution import load_execution


class StartMode(StrEnum):
    """What it takes to start a pending task."""

    PROCESS = "process"
    BY_ITSELF = "by_itself"
    OPERATOR = "operator"


@dataclass(frozen=True)
class PlannedTask:
    """A task in the order in which it could be carried out.

    Parameters
    ----------
    start
        None if the task is not pending.
    problems
        Sentences that say what keeps the task from starting.
    """

    task: Task
    start: StartMode | None
    problems: tuple[str, ...]


@dataclass(frozen=True)
class ValidatedWorkflow:
    """What processing a workflow would do.

    Parameters
    ----------
    problems
        What concerns the workflow as a whole, in sentences.
    """

    workflow_id: str
    tasks: tuple[PlannedTask, ...]
    problems: tuple[str, ...]

    @property
    def is_valid(self) -> bool:
        """Whether neither the workflow nor a task has a problem."""
        return not self.problems and not any(planned.problems for planned in self.tasks)


def validate_workflow(
    store: WorkflowStore,
    orchestrator: Orchestrator,
    exam: ExamClient,
    scan: ScanClient,
    settings: Settings,
    workflow_id: str,
    cause: Cause,
) -> ValidatedWorkflow:
    """Return what processing a workflow would do, tasks in order of execution; nothing changes.

    Raises
    ------
    InvalidInputError
        The tasks cannot depend on each other as they say; processing says the same.
    ConflictError
        The workflow is a template, or deleted.
    """
    graph = load_execution(store, exam, settings, workflow_id, cause).graph
    starting = _find_starting(settings, graph)
    checked = check_workflow(orchestrator, exam, scan, settings, graph, Answers(), cause.at.date())
    planned = []
    for task_id in _order(graph):
        task = graph.tasks[task_id]
        start = _find_start(settings, graph, task, starting)
        problems = _phrase(checked.complaints.get(task_id, []))
        if task.status in (TaskStatus.FAILED, TaskStatus.CANCELLED):
            problems = (task.reason or f"The task is {task.status}.",)
        planned.append(PlannedTask(task, start, problems))
    return ValidatedWorkflow(workflow_id, tuple(planned), _phrase(checked.general))


def _phrase(complaints: list[Complaint]) -> tuple[str, ...]:
    # The operator must know what nobody has looked at.
    return tuple(
        f"Not checked: {each.text}" if each.kind is Kind.UNCHECKED else each.text
        for each in complaints
    )


def _order(graph: TaskGraph) -> list[str]:
    # Prepared by hand, so that of the tasks that could come next the first defined comes first.
    tasks = graph.tasks
    sorter = TopologicalSorter({each: task.input_task_ids for each, task in tasks.items()})
    sorter.prepare()
    ranks = {task_id: rank for rank, task_id in enumerate(tasks)}
    ready: list[str] = []
    ordered: list[str] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=ranks.__getitem__)
        ordered.append(ready.pop(0))
        sorter.done(ordered[-1])
    return ordered


def _find_starting(settings: Settings, graph: TaskGraph) -> set[str]:
    first = graph.next_ready_task()
    if first is None:
        return set()
    beside = graph.ready_dag_tasks() if graph.advances(settings.policy) else []
    is_held_back = first.task_type.is_device_task and graph.failed_scan() is not None
    return {task.task_id for task in beside} | (set() if is_held_back else {first.task_id})


def _find_start(
    settings: Settings, graph: TaskGraph, task: Task, starting: set[str]
) -> StartMode | None:
    if task.status is not TaskStatus.PENDING:
        return None
    if task.task_id in starting:
        return StartMode.PROCESS
    advances = graph.advances(settings.policy)
    is_automatic = advances and not task.task_type.is_device_task
    return StartMode.BY_ITSELF if is_automatic else StartMode.OPERATOR
