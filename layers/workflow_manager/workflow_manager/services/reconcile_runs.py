"""Heal what was lost: starts, stops, callbacks, deadlines, reports to exam-manager."""

from collections.abc import Sequence
from datetime import timedelta

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ScanHubError, VersionConflictError
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.transitions import DagRunEvent
from workflow_manager.observability import log_unexpected, logger
from workflow_manager.ports import Ports
from workflow_manager.services.end_overdue_task import end_overdue_task
from workflow_manager.services.finish_dag_run import finish_dag_run
from workflow_manager.services.follow_dag_runs import follow_dag_runs
from workflow_manager.services.follow_device_task import follow_device_task
from workflow_manager.services.mirror_task import mirror_task
from workflow_manager.services.stop_dag_run import stop_dag_run

# Longer than the function's own timeout, shorter than its schedule: a crashed turn frees itself.
LEASE_S = 55
BATCH_SIZE = 50
# All active runs of one turn: a few requests to Airflow, which answers a hundred at once.
N_FOLLOWED = 100
# What is left waits for the next turn, so that the status is noted within the function's timeout.
TIME_BUDGET = timedelta(seconds=30)


def reconcile_runs(ports: Ports, cause: Cause) -> int:
    """Take one turn, unless another one is under way.

    A bounded part of all that is active is compared with Airflow, and the next turn goes on behind
    it; what is over there is not ended by its deadline here. Then comes what is due, then scans.

    Parameters
    ----------
    ports
        The outside world, on behalf of the service account.
    cause
        Who and when.

    Returns
    -------
    int
        Number of runs and tasks that were due.
    """
    status = ports.store.get_system_status()
    if status.is_leased(cause.at):
        return 0
    try:
        ports.store.commit([status.lease(LEASE_S, cause)])
    except VersionConflictError:
        return 0
    due = sorted(ports.store.list_due(cause.at, BATCH_SIZE), key=_rank)
    active, cursor = ports.store.list_active(status.cursor, N_FOLLOWED)
    _follow_runs(ports, [*due, *active], cause)
    n_done = 0
    for item in due:
        if _is_late(ports, cause):
            break
        _reconcile(ports, item, cause)
        n_done += 1
    _follow_scans(ports, active, cause)
    _note_status(ports, cursor, cause)
    return n_done


def _is_late(ports: Ports, cause: Cause) -> bool:
    return ports.now() - cause.at > TIME_BUDGET


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
    if run.state.is_final:
        stop_dag_run(ports, run.dag_run_id, cause)
        return
    if run.deadline <= cause.at:
        reason = (
            f"Airflow did not start the run before the deadline. {run.reason or ''}".strip()
            if run.state is DagRunState.PENDING
            else "The run did not end before its deadline, so it was stopped."
        )
        finish_dag_run(
            ports, run.dag_run_id, DagRunEvent.FAIL, cause, reason=reason, is_overdue=True
        )
        return
    ports.store.commit([run.with_later_retry(cause.at)])
    ports.queue.send_start(run.dag_run_id)


def _follow_runs(ports: Ports, items: Sequence[DagRun | Task], cause: Cause) -> None:
    runs = {item.dag_run_id: item for item in items if isinstance(item, DagRun)}
    active = [run for run in runs.values() if not run.state.is_final]
    try:
        follow_dag_runs(ports, active, cause)
    except ScanHubError as error:
        logger.warning("runs not followed", extra={"reason": error.detail})
    except Exception as error:  # noqa: BLE001 - a broken run must not keep the others waiting
        log_unexpected(error)


def _follow_scans(ports: Ports, items: Sequence[DagRun | Task], cause: Cause) -> None:
    for item in items:
        if isinstance(item, DagRun) or item.status is not TaskStatus.IN_PROGRESS:
            continue
        if not item.task_type.is_device_task or _is_late(ports, cause):
            continue
        try:
            follow_device_task(ports, item, cause)
        except ScanHubError as error:
            logger.warning("scan not followed", extra={"reason": error.detail})


def _note_status(ports: Ports, cursor: str | None, cause: Cause) -> None:
    degraded: tuple[str, ...] = ()
    try:
        ports.orchestrator.check_health()
    except ScanHubError as error:
        logger.warning("Airflow is not healthy", extra={"reason": error.detail})
        degraded = ("airflow",)
    leased = ports.store.get_system_status()
    noted = leased.evolve(checked_at=cause.at, degraded=degraded, cursor=cursor, lease_until=None)
    ports.store.commit([noted])
