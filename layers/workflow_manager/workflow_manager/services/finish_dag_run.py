"""Let a run end, and its task and workflow with it."""

from collections.abc import Mapping

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.transitions import DagRunEvent, move_run
from workflow_manager.observability import MetricUnit, logger, metrics, traced
from workflow_manager.ports import Ports
from workflow_manager.services.commit_execution import commit_execution
from workflow_manager.services.retry_on_conflict import retry_on_conflict
from workflow_manager.services.stop_dag_run import stop_dag_run


@retry_on_conflict
def finish_dag_run(
    ports: Ports, dag_run_id: str, event: DagRunEvent, cause: Cause, **outcome: object
) -> DagRun | None:
    """Finish a run, its task, and claim the tasks that wait for it, in one commit.

    Parameters
    ----------
    ports
        The outside world.
    dag_run_id
        The run.
    event
        SUCCEED, FAIL or CANCEL.
    cause
        Who and when.
    **outcome
        Fields of the run: ``results``, ``reason``, ``outcome_hash``, ``traceparent``.

    Returns
    -------
    DagRun | None
        The finished run, or None if it was final before.
    """
    run = ports.store.get_dag_run(dag_run_id)
    is_late_result = run is not None and run.is_overdue and event is DagRunEvent.SUCCEED
    if run is None or (run.state.is_final and not is_late_result):
        return None
    with traced(run.trace):
        return _finish(ports, run, event, cause.within(run.trace), outcome)


def _finish(
    ports: Ports, run: DagRun, event: DagRunEvent, cause: Cause, outcome: Mapping[str, object]
) -> DagRun:
    progress = 100 if event is DagRunEvent.SUCCEED else run.progress
    ended = {"finished_at": cause.at, "progress": progress, "is_overdue": False, **outcome}
    lives_on = event is DagRunEvent.CANCEL or ended["is_overdue"]
    changes = {**ended, **(run.stop_fields(cause.at) if lives_on else {"stop_due_at": None})}
    execution = ports.store.get_execution(run.workflow_id) if run.workflow_id else None
    if execution is None:
        finished, line = move_run(run, event, cause, **changes)
        ports.store.commit([finished], [line])
        stop_dag_run(ports, run.dag_run_id, cause)
    else:
        finished = execution.move_run(run, event, cause, **changes)
        execution.follow_run(finished, cause)
        execution.advance(ports.settings.policy, cause)
        commit_execution(ports, execution, cause)
    metrics.add_metric(f"DagRuns{finished.state.title()}", MetricUnit.Count, 1)
    logger.info("DAG run finished", extra={"dag_run_id": run.dag_run_id, "state": finished.state})
    return finished
