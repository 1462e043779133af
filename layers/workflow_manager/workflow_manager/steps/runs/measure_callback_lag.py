"""Measure how late we record a DAG's end."""

from datetime import datetime

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.timestamps import milliseconds_between
from workflow_manager.observability import MetricUnit, metrics
from workflow_manager.ports import Clock


def measure_callback_lag(
    clock: Clock, run: DagRun | None, ended_at: datetime | None, cause: Cause
) -> None:
    """Count the time from a DAG's end to its record, if this call has made that record.

    Parameters
    ----------
    run
        As recorded; None if it was final before.
    ended_at
        The time that the DAG or Airflow tells; None, or a time before the run's creation, is not
        counted.
    """
    if run is None or not run.state.is_final or run.finished_at != cause.at:
        return
    if ended_at is None or ended_at < run.created_at:
        return
    lag_ms = milliseconds_between(ended_at, clock())
    metrics.add_metric("CallbackLag", MetricUnit.Milliseconds, lag_ms)
