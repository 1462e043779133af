"""Tell a call that is sent again from one that wants something new."""

from datetime import timedelta

from workflow_manager.domain.entity import Cause, Event, first_event_id
from workflow_manager.domain.errors import ConflictError
from workflow_manager.domain.execution import SCAN_START_LEASE_S
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.domain.transitions import TaskMove
from workflow_manager.ports import WorkflowStore

# A double click, or a page that calls twice by itself.
REPEATED_WITHIN = timedelta(seconds=10)
# A call whose device has not answered yet may be older.
LOOK_BACK = REPEATED_WITHIN + timedelta(seconds=SCAN_START_LEASE_S)


def is_repeated(
    store: WorkflowStore, graph: TaskGraph, task: Task, cause: Cause, expected_attempt: int | None
) -> bool:
    """Tell whether the attempt that a call asks for is in progress, because it asked before.

    Parameters
    ----------
    expected_attempt
        The task's attempt as the caller knows it: the next one is wanted. Without it, the attempt
        must be the caller's own, and begun just now.

    Raises
    ------
    ConflictError
        The task is at another attempt than the caller knows.
    """
    if expected_attempt is None:
        return task.task_id in _find_begun(store, graph, [task], cause)
    if task.status is TaskStatus.IN_PROGRESS and task.attempt == expected_attempt + 1:
        return True
    if task.attempt != expected_attempt:
        raise ConflictError(
            f"The task is at attempt {task.attempt}, not {expected_attempt}, and is {task.status}: "
            "look at it before you start it again.",
            members={"attempt": task.attempt},
        )
    return False


def find_own_begun(store: WorkflowStore, graph: TaskGraph, cause: Cause) -> Task | None:
    """Return a task of the workflow that the caller has begun just now; a scan comes first."""
    tasks = sorted(graph.tasks.values(), key=lambda task: not task.is_scanning)
    begun = _find_begun(store, graph, tasks, cause)
    return next((task for task in tasks if task.task_id in begun), None)


def _find_begun(
    store: WorkflowStore, graph: TaskGraph, tasks: list[Task], cause: Cause
) -> set[str]:
    open_tasks = [task for task in tasks if task.status is TaskStatus.IN_PROGRESS and task.attempt]
    if not open_tasks:
        return set()
    # The audit trail knows who began an attempt, and when.
    trail = store.list_events(graph.workflow.subject, first_event_id(cause.at - LOOK_BACK))
    claims = {line.entity: line for line in trail if line.name == TaskMove.CLAIM}
    found = ((task, claims.get(f"task:{task.task_id}")) for task in open_tasks)
    return {task.task_id for task, claim in found if claim and _is_own(task, claim, cause)}


def _is_own(task: Task, claim: Event, cause: Cause) -> bool:
    is_pending = task.start_lease_until is not None and cause.at < task.start_lease_until
    is_recent = cause.at - claim.at < REPEATED_WITHIN
    return claim.actor == cause.actor and (is_recent or is_pending)
