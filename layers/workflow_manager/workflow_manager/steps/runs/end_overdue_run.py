"""End a run whose time is over."""

from datetime import timedelta

from workflow_manager.domain.dag_run import DagRunState
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.transitions import DagRunMove
from workflow_manager.observability import MetricUnit, metrics
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.runs.finish_dag_run import finish_dag_run
from workflow_manager.steps.runs.follow_dag_runs import Answers

# What has ended in Airflow ends by that, and by its deadline only if that fails for so long.
ENDED_GRACE = timedelta(hours=1)


def end_overdue_run(
    store: WorkflowStore,
    queue: MessageQueue,
    settings: Settings,
    dag_run_id: str,
    answers: Answers,
    cause: Cause,
) -> None:
    """Fail a run that is past its deadline, unless Airflow says that it has ended by itself."""
    # Read again: it may have been seen running, or ended, since the list was made.
    run = store.get_dag_run(dag_run_id)
    if run is None or run.state.is_final or run.deadline > cause.at:
        return
    if answers.has_ended(run) and run.deadline + ENDED_GRACE > cause.at:
        return
    reason = (
        f"Airflow did not start the run before the deadline. {run.reason or ''}".strip()
        if run.state is DagRunState.PENDING
        else "The run did not end before its deadline, so it was stopped."
    )
    outcome = {"reason": reason, "is_overdue": True}
    if finish_dag_run(store, queue, settings, dag_run_id, DagRunMove.FAIL, cause, **outcome):
        metrics.add_metric("RunsPastDeadline", MetricUnit.Count, 1)
