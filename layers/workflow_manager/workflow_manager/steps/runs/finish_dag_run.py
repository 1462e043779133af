"""End a run, and its task and workflow with it."""

from collections.abc import Mapping

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.transitions import DagRunMove, move_run
from workflow_manager.observability import MetricUnit, logger, metrics, traced
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.workflows.commit_execution import commit_execution
from workflow_manager.steps.workflows.send_messages import send_changes


def finish_dag_run(
    store: WorkflowStore,
    queue: MessageQueue,
    settings: Settings,
    run: str | DagRun,
    move: DagRunMove,
    cause: Cause,
    **outcome: object,
) -> DagRun | None:
    """Finish a run, its task and maybe its workflow; claim and queue the tasks that wait for it.

    A run that is cancelled or past its deadline may go on in Airflow: `follow_changes` stops it.

    Parameters
    ----------
    run
        Its id; or the run, as it was read just now.
    **outcome
        Fields of the run: ``results``, ``reason``, ``outcome_hash``, ``traceparent``, and
        ``is_overdue`` if it ends because its deadline has passed.

    Returns
    -------
    DagRun | None
        The finished run; None if it was final before.
    """
    known, dag_run_id = ([run], run.dag_run_id) if isinstance(run, DagRun) else ([], run)
    return _finish_once(store, queue, settings, known, dag_run_id, move, cause, outcome)


@retry_on_conflict
def _finish_once(
    store: WorkflowStore,
    queue: MessageQueue,
    settings: Settings,
    known: list[DagRun],
    dag_run_id: str,
    move: DagRunMove,
    cause: Cause,
    outcome: Mapping[str, object],
) -> DagRun | None:
    # The caller's copy is good for one try: if anybody wrote since, the commit fails.
    run = known.pop() if known else store.get_dag_run(dag_run_id)
    is_late_result = run is not None and run.is_overdue and move is DagRunMove.SUCCEED
    if run is None or (run.state.is_final and not is_late_result):
        return None
    with traced(run.trace):
        return _finish(store, queue, settings, run, move, cause.within(run.trace), outcome)


def _finish(
    store: WorkflowStore,
    queue: MessageQueue,
    settings: Settings,
    run: DagRun,
    move: DagRunMove,
    cause: Cause,
    outcome: Mapping[str, object],
) -> DagRun:
    progress = 100 if move is DagRunMove.SUCCEED else run.progress
    ended = {"finished_at": cause.at, "progress": progress, "is_overdue": False, **outcome}
    lives_on = move is DagRunMove.CANCEL or ended["is_overdue"]
    changes = {**ended, **(run.stop_fields(cause.at) if lives_on else {"stop_due_at": None})}
    execution = store.get_execution(run.workflow_id) if run.workflow_id else None
    if execution is None:
        finished, line = move_run(run, move, cause, **changes)
        store.commit([finished], [line])
        send_changes(queue, [], [finished] if finished.stop_due_at else [])
    else:
        finished = execution.move_run(run, move, cause, **changes)
        execution.follow_run(finished, cause)
        execution.advance(settings.policy, cause)
        commit_execution(store, queue, execution)
    metrics.add_metric(f"DagRuns{finished.state.title()}", MetricUnit.Count, 1)
    logger.info("DAG run finished", extra={"dag_run_id": run.dag_run_id, "state": finished.state})
    return finished
