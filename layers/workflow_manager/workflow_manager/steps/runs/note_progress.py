"""Note how far a run is."""

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import NotFoundError
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
) -> DagRun:
    """Raise a run's and its task's progress (0 to 100 %); never lower it, nor after the end.

    Parameters
    ----------
    known
        The run, as it was read just now; None reads it.
    """
    return _note(store, queue, [known] if known else [], dag_run_id, progress, cause)


@retry_on_conflict
def _note(
    store: WorkflowStore,
    queue: MessageQueue,
    known: list[DagRun],
    dag_run_id: str,
    progress: int,
    cause: Cause,
) -> DagRun:
    # The caller's copy is good for one try: if anybody wrote since, the commit fails.
    run = known.pop() if known else store.get_dag_run(dag_run_id)
    if run is None:
        raise NotFoundError("There is no such run.")
    if run.state.is_final or progress <= run.progress:
        return run
    moved = run.evolve(progress=progress)
    of_task = (run.workflow_id or "", run.task_id or "")
    execution = store.get_execution_of_task(*of_task) if run.workflow_id else None
    if execution is None:
        store.commit([moved])
    else:
        execution.note_progress(moved, cause)
        commit_execution(store, queue, execution)
    return moved
