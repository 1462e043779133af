"""Run a DAG again on the same object."""

from workflow_manager.domain.dag_run import DagRun, DagRunState, object_dag_run_id
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ConflictError, InvalidTransitionError
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.services.get_dag_run import get_dag_run
from workflow_manager.settings import Settings
from workflow_manager.steps.runs.receive_dag_data import receive_dag_data
from workflow_manager.steps.workflows.send_messages import queue_start


def retry_dag_run(
    store: WorkflowStore, queue: MessageQueue, settings: Settings, dag_run_id: str, cause: Cause
) -> DagRun:
    """Create the next run for the object of one that failed or was cancelled.

    The new run's id follows from the old one's, so a call that is repeated finds the same run.

    Returns
    -------
    DagRun
        The new run.

    Raises
    ------
    NotFoundError
        There is no such run.
    ConflictError
        It is not over, it succeeded, its retry has ended, or it is the run of a task, which is
        retried instead.
    """
    run = get_dag_run(store, dag_run_id)
    if run.workflow_id is not None:
        raise ConflictError(
            "The run belongs to a task: retry it by "
            f"POST /workflows/{run.workflow_id}/tasks/{run.task_id}/retry/."
        )
    if run.data is None or run.state not in (DagRunState.FAILED, DagRunState.CANCELLED):
        raise InvalidTransitionError(f"The run is {run.state}: there is nothing to retry.")
    newest = _find_newest(store, run, run.data)
    if newest.attempt > run.attempt + 1 or (newest is not run and newest.state.is_final):
        raise ConflictError(_explain(newest))
    retry_id, _ = receive_dag_data(store, settings, run.dag_id, run.data, cause, run.attempt + 1)
    queue_start(queue, retry_id)
    return get_dag_run(store, retry_id)


def _find_newest(store: WorkflowStore, run: DagRun, data: ObjectVersion) -> DagRun:
    while later := store.get_dag_run(object_dag_run_id(data, run.attempt + 1)):
        run = later
    return run


def _explain(newest: DagRun) -> str:
    said = f"The run was retried before, and its newest retry {newest.dag_run_id} is {newest.state}"
    if newest.state in (DagRunState.FAILED, DagRunState.CANCELLED):
        return f"{said}: POST /dag_runs/{newest.dag_run_id}/retry/ starts the next."
    return f"{said}."
