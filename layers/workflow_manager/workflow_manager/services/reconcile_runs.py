"""Heal what was lost: starts, deadlines, reports to exam-manager."""

from datetime import timedelta

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ScanHubError, VersionConflictError
from workflow_manager.domain.task import Task
from workflow_manager.domain.transitions import DagRunEvent
from workflow_manager.observability import log_unexpected, logger
from workflow_manager.ports import Ports
from workflow_manager.services.end_overdue_task import end_overdue_task
from workflow_manager.services.finish_dag_run import finish_dag_run
from workflow_manager.services.mirror_task import mirror_task

# Longer than the function's own timeout, shorter than its schedule: a crashed turn frees itself.
LEASE_S = 55
BATCH_SIZE = 50
# What is left waits for the next turn, so that the status is noted within the function's timeout.
TIME_BUDGET = timedelta(seconds=30)


def reconcile_runs(ports: Ports, cause: Cause) -> int:
    """Take one turn, unless another one is under way.

    Parameters
    ----------
    ports
        The outside world, on behalf of the service account.
    cause
        Who and when.

    Returns
    -------
    int
        Number of runs and tasks looked at.
    """
    status = ports.store.get_system_status()
    if status.is_leased(cause.at):
        return 0
    try:
        ports.store.commit([status.lease(LEASE_S, cause)])
    except VersionConflictError:
        return 0
    due = sorted(ports.store.list_due(cause.at, BATCH_SIZE), key=_rank)
    n_done = 0
    for item in due:
        if ports.now() - cause.at > TIME_BUDGET:
            break
        _reconcile(ports, item, cause)
        n_done += 1
    _note_status(ports, cause)
    return n_done


def _rank(item: DagRun | Task) -> int:
    # Runs and deadlines first: exam-manager may be down, and hearing of it late hurts nobody.
    return 0 if isinstance(item, DagRun) or not item.is_mirror_due else 1


def _reconcile(ports: Ports, item: DagRun | Task, cause: Cause) -> None:
    try:
        if isinstance(item, DagRun):
            _reconcile_run(ports, item, cause)
        elif item.is_mirror_due:
            mirror_task(ports, item.workflow_id, item.task_id, cause)
        else:
            end_overdue_task(ports, item.workflow_id, item.task_id, cause)
    except ScanHubError as error:
        # One item must not keep the others waiting; it is due again at a later turn.
        logger.warning("not reconciled", extra={"reason": error.detail})
    except Exception as error:  # noqa: BLE001 - a broken item must not stop the reconciler
        log_unexpected(error)


def _reconcile_run(ports: Ports, run: DagRun, cause: Cause) -> None:
    if run.deadline <= cause.at:
        reason = (
            f"Airflow did not start the run before the deadline. {run.reason or ''}".strip()
            if run.state is DagRunState.PENDING
            else "The run did not report before its deadline."
        )
        finish_dag_run(
            ports, run.dag_run_id, DagRunEvent.FAIL, cause, reason=reason, is_overdue=True
        )
        return
    ports.store.commit([run.with_later_retry(cause.at)])
    ports.queue.send_start(run.dag_run_id)


def _note_status(ports: Ports, cause: Cause) -> None:
    degraded: tuple[str, ...] = ()
    try:
        ports.orchestrator.check_health()
    except ScanHubError as error:
        logger.warning("Airflow is not healthy", extra={"reason": error.detail})
        degraded = ("airflow",)
    leased = ports.store.get_system_status()
    noted = leased.evolve(checked_at=cause.at, degraded=degraded, lease_until=None)
    ports.store.commit([noted])
