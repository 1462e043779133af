"""Simulate a reconstruction where there is no Airflow."""

from workflow_manager.domain.dag_run import SIMULATION_STEP_S
from workflow_manager.domain.data_lake import MAX_FILE_NAME_LENGTH
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.exam import ResultType
from workflow_manager.domain.result import Result
from workflow_manager.domain.transitions import DagRunMove
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.runs.finish_dag_run import finish_dag_run
from workflow_manager.steps.runs.note_progress import note_progress

# Three steps of progress, then the result, as ScanHub's own simulation has them.
PROGRESS_BY_STEP = {1: 25, 2: 50, 3: 75}


def simulate_reconstruction(
    store: WorkflowStore,
    queue: MessageQueue,
    settings: Settings,
    dag_run_id: str,
    step: int,
    cause: Cause,
) -> None:
    """Take a step (from 1) of a simulated run and ask for the next; a repeated one does nothing."""
    run = store.get_dag_run(dag_run_id)
    # PENDING is fine too: the first step may come before the run is marked as started.
    if run is None or run.state.is_final or not run.is_simulated:
        return
    if step in PROGRESS_BY_STEP:
        note_progress(store, queue, dag_run_id, PROGRESS_BY_STEP[step], cause)
        queue.send_simulation_step(dag_run_id, step + 1, SIMULATION_STEP_S)
        return
    contrast = _find_contrast(store, run.workflow_id or "", run.task_id or "")
    if contrast is None or len(contrast) > MAX_FILE_NAME_LENGTH:
        reason = 'The task\'s args need "contrast", the file name of its result.'
        finish_dag_run(store, queue, settings, dag_run_id, DagRunMove.FAIL, cause, reason=reason)
        return
    results = (Result(type=ResultType.DICOM, key=contrast),)
    finish_dag_run(store, queue, settings, dag_run_id, DagRunMove.SUCCEED, cause, results=results)


def _find_contrast(store: WorkflowStore, workflow_id: str, task_id: str) -> str | None:
    execution = store.get_execution(workflow_id)
    task = execution.graph.tasks.get(task_id) if execution else None
    return (task.args.get("contrast") or None) if task else None
