"""Show where a workflow stands."""

from workflow_manager.domain.entity import Cause, Event
from workflow_manager.domain.errors import UpstreamError
from workflow_manager.domain.exam import ExamTask
from workflow_manager.domain.task import Task
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.domain.workflow import Workflow
from workflow_manager.observability import logger
from workflow_manager.ports import ExamClient, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.workflows.load_execution import load_execution

# A trail grows with every attempt, and an answer may have 6 MB.
MAX_N_EVENTS = 100


def get_workflow(
    store: WorkflowStore,
    exam: ExamClient,
    settings: Settings,
    workflow_id: str,
    workflow: Workflow | None,
    cause: Cause,
) -> TaskGraph:
    """Return a workflow with its tasks; nothing is changed.

    Parameters
    ----------
    workflow
        As it was just read; one that was never processed is shown as exam-manager defines it.
    """
    if workflow is None:
        return load_execution(store, exam, settings, workflow_id, cause).graph
    graph = TaskGraph(workflow, store.list_tasks(workflow_id))
    for task in graph.tasks.values():
        # One that waits for its data has ended, whatever exam-manager shows of it by now.
        if task.is_scanning and not task.waits_for_data:
            graph = graph.with_task(_with_device_progress(exam, task))
    return graph


def describe_graph(graph: TaskGraph) -> list[str]:
    """Return what differs whenever the workflow, a task, a run or the audit trail does.

    Parameters
    ----------
    graph
        From `get_workflow`.
    """
    items = (graph.workflow, *graph.tasks.values())
    if graph.workflow.version:
        return [each.model_dump_json() for each in items]
    # Defined anew by each look at it, with the time of the look.
    of_the_look = {"created_at", "updated_at", "deadline", "last_event_id"}
    return [each.model_dump_json(exclude=of_the_look) for each in items]


def list_trail(store: WorkflowStore, graph: TaskGraph) -> list[Event]:
    """Return the end of a workflow's audit trail, oldest first; `list_workflow_events` has it all.

    Parameters
    ----------
    graph
        From `get_workflow`.
    """
    workflow = graph.workflow
    return store.list_last_events(workflow.subject, MAX_N_EVENTS) if workflow.version else []


def _with_device_progress(exam: ExamClient, task: Task) -> Task:
    # Device-manager writes a scan's progress to exam-manager, and nowhere else.
    try:
        reported: ExamTask = exam.get_task(task.task_id)
    except UpstreamError as error:
        logger.warning("progress of the scan unknown", extra={"reason": error.detail})
        return task
    if task.waits_for_data and reported.has_fresh_data:
        # Its file has told the end, of which device-manager has not heard.
        return task
    return task.evolve(progress=reported.progress)
