"""Let a run end, and its task and workflow with it."""

from collections.abc import Mapping

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.transitions import DagRunEvent, move_run
from workflow_manager.observability import MetricUnit, logger, metrics, traced
from workflow_manager.ports import ExamClient, MessageQueue, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.workflows.commit_execution import mirror_tasks, queue_starts


def finish_dag_run(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    settings: Settings,
    dag_run_id: str,
    event: DagRunEvent,
    cause: Cause,
    **outcome: object,
) -> DagRun | None:
    """Finish a run, its task, and claim and queue the tasks that wait for it.

    Parameters
    ----------
    event
        SUCCEED or FAIL. Who fails a run that lives on in Airflow stops it there.
    **outcome
        Fields of the run: ``results``, ``reason``, ``outcome_hash``, ``traceparent``.

    Returns
    -------
    DagRun | None
        The finished run, or None if it was final before.
    """
    run, execution = end_dag_run(store, settings, dag_run_id, event, cause, **outcome)
    if run is not None and execution is not None:
        with traced(run.trace):
            queue_starts(queue, execution)
            mirror_tasks(store, exam, execution, cause)
    return run


@retry_on_conflict
def end_dag_run(
    store: WorkflowStore,
    settings: Settings,
    dag_run_id: str,
    event: DagRunEvent,
    cause: Cause,
    **outcome: object,
) -> tuple[DagRun | None, Execution | None]:
    """Commit that a run, its task and maybe its workflow have ended; nobody is told.

    Parameters
    ----------
    event
        SUCCEED, FAIL or CANCEL.
    **outcome
        As `finish_dag_run` takes it.

    Returns
    -------
    tuple[DagRun | None, Execution | None]
        The finished run, or None if it was final before; its workflow, if it has one.
    """
    run = store.get_dag_run(dag_run_id)
    is_late_result = run is not None and run.is_overdue and event is DagRunEvent.SUCCEED
    if run is None or (run.state.is_final and not is_late_result):
        return None, None
    with traced(run.trace):
        return _end(store, settings, run, event, cause.within(run.trace), outcome)


def _end(
    store: WorkflowStore,
    settings: Settings,
    run: DagRun,
    event: DagRunEvent,
    cause: Cause,
    outcome: Mapping[str, object],
) -> tuple[DagRun, Execution | None]:
    progress = 100 if event is DagRunEvent.SUCCEED else run.progress
    ended = {"finished_at": cause.at, "progress": progress, "is_overdue": False, **outcome}
    lives_on = event is DagRunEvent.CANCEL or ended["is_overdue"]
    changes = {**ended, **(run.stop_fields(cause.at) if lives_on else {"stop_due_at": None})}
    execution = store.get_execution(run.workflow_id) if run.workflow_id else None
    if execution is None:
        finished, line = move_run(run, event, cause, **changes)
        store.commit([finished], [line])
    else:
        finished = execution.move_run(run, event, cause, **changes)
        execution.follow_run(finished, cause)
        execution.advance(settings.policy, cause)
        store.commit(execution.changes.entities, execution.changes.events)
    metrics.add_metric(f"DagRuns{finished.state.title()}", MetricUnit.Count, 1)
    logger.info("DAG run finished", extra={"dag_run_id": run.dag_run_id, "state": finished.state})
    return finished, execution
