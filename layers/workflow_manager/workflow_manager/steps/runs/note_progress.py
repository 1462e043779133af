"""Note how far a run is."""

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import NotFoundError
from workflow_manager.domain.execution import Execution
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.workflows.commit_execution import commit_execution


def note_progress(
    store: WorkflowStore,
    queue: MessageQueue,
    dag_run_id: str,
    progress: int,
    cause: Cause,
    known: DagRun | None = None,
    of_task: Execution | None = None,
) -> DagRun:
    """Raise a run's and its task's progress (0 to 100 %); never lower it, nor after the end.

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
        execution.note_progress(moved, cause)
        commit_execution(store, queue, execution)
    return moved


def _is_of(execution: Execution | None, run: DagRun) -> bool:
    if execution is None:
        return False
    graph = execution.graph
    return graph.workflow.workflow_id == run.workflow_id and run.task_id in graph.tasks
