"""Note how far a run is."""

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import NotFoundError
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import TaskStatus
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.workflows.send_messages import send_changes


def note_progress(
    store: WorkflowStore,
    queue: MessageQueue,
    dag_run_id: str,
    progress: int,
    cause: Cause,
    known: DagRun | None = None,
    of_task: Execution | None = None,
) -> DagRun:
    """Raise a run's progress (0 to 100 %), and let exam-manager be told; never after the end.

    Parameters
    ----------
    known
        The run, as it was read just now; None reads it.
    of_task
        Its workflow with its task alone, likewise.
    """
    seen = [(known, of_task)] if known else []
    return _note(store, queue, seen, dag_run_id, progress, cause)


@retry_on_conflict
def _note(
    store: WorkflowStore,
    queue: MessageQueue,
    known: list[tuple[DagRun, Execution | None]],
    dag_run_id: str,
    progress: int,
    cause: Cause,
) -> DagRun:
    # The caller's copy is good for one try: if anybody wrote since, the commit fails.
    run, execution = known.pop() if known else (store.get_dag_run(dag_run_id), None)
    if run is None:
        raise NotFoundError("There is no such run.")
    if run.state.is_final or progress <= run.progress:
        return run
    moved = run.evolve(progress=progress, progress_at=cause.at)
    if run.workflow_id and not _is_of(execution, run):
        place = (run.workflow_id, run.task_id or "")
        _, execution = store.get_run_and_execution(run.dag_run_id, *place)
    if execution is None:
        store.commit([moved])
    else:
        # The task is not written: it shows its run's progress, which nothing depends on. The
        # workflow is, whose version stands for all that is shown of it.
        execution.put_run(moved)
        store.commit(execution.changes.entities)
        _tell(queue, execution, moved)
    return moved


def _tell(queue: MessageQueue, execution: Execution, run: DagRun) -> None:
    task = execution.graph.tasks[run.task_id or ""]
    if task.dag_run_id == run.dag_run_id and task.status is TaskStatus.IN_PROGRESS:
        send_changes(queue, [task])


def _is_of(execution: Execution | None, run: DagRun) -> bool:
    if execution is None:
        return False
    graph = execution.graph
    return graph.workflow.workflow_id == run.workflow_id and run.task_id in graph.tasks
