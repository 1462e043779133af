"""Note how far a run is."""

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import NotFoundError
from workflow_manager.ports import ExamClient, WorkflowStore
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.workflows.commit_execution import commit_execution


@retry_on_conflict
def note_progress(
    store: WorkflowStore,
    exam: ExamClient,
    dag_run_id: str,
    progress: int,
    cause: Cause,
    *,
    is_mirrored: bool = True,
) -> DagRun:
    """Move a run's progress, and its task's, forwards; never backwards, never after its end.

    Parameters
    ----------
    progress
        0 to 100 [%].
    is_mirrored
        Whether exam-manager is told at once; else that is left due in the table.

    Returns
    -------
    DagRun
        The run afterwards.
    """
    run = store.get_dag_run(dag_run_id)
    if run is None:
        raise NotFoundError("There is no such run.")
    if run.state.is_final or progress <= run.progress:
        return run
    moved = run.evolve(progress=progress)
    execution = store.get_execution(run.workflow_id) if run.workflow_id else None
    if execution is None:
        store.commit([moved])
    else:
        execution.note_progress(moved, cause)
        if is_mirrored:
            commit_execution(store, exam, execution, cause)
        else:
            # Nothing else follows from progress.
            store.commit(execution.changes.entities, execution.changes.events)
    return moved
