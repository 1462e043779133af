"""Heal what was lost: starts, deadlines, reports to exam-manager."""

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ScanHubError, UpstreamError, VersionConflictError
from workflow_manager.domain.system_status import SystemStatus
from workflow_manager.domain.task import Task
from workflow_manager.domain.transitions import DagRunEvent
from workflow_manager.observability import logger
from workflow_manager.ports import Ports
from workflow_manager.services.fail_task import fail_task
from workflow_manager.services.finish_dag_run import finish_dag_run
from workflow_manager.services.mirror_task import mirror_task

# Longer than the function's own timeout, shorter than its schedule: a crashed turn frees itself.
LEASE_S = 55
BATCH_SIZE = 50


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
    due = ports.store.list_due(cause.at, BATCH_SIZE)
    for item in due:
        _reconcile(ports, item, cause)
    _note_status(ports, cause)
    return len(due)


def _reconcile(ports: Ports, item: DagRun | Task, cause: Cause) -> None:
    try:
        if isinstance(item, DagRun):
            _reconcile_run(ports, item, cause)
        elif item.is_mirror_due:
            mirror_task(ports, item.workflow_id, item.task_id)
        else:
            reason = "No data and no end of the scan was reported before the deadline."
            fail_task(ports, item.workflow_id, item.task_id, reason, cause)
    except ScanHubError as error:
        # One item must not keep the others waiting; it is due again at the next turn.
        logger.warning("not reconciled", extra={"reason": error.detail})


def _reconcile_run(ports: Ports, run: DagRun, cause: Cause) -> None:
    if run.deadline <= cause.at:
        reason = (
            "Airflow did not start the run before the deadline."
            if run.state is DagRunState.PENDING
            else "The run did not report before its deadline."
        )
        finish_dag_run(ports, run.dag_run_id, DagRunEvent.FAIL, cause, reason=reason)
        return
    ports.store.commit([run.with_later_retry(cause.at)])
    ports.queue.send_start(run.dag_run_id)


def _note_status(ports: Ports, cause: Cause) -> None:
    degraded: tuple[str, ...] = ()
    try:
        ports.orchestrator.check_health()
    except UpstreamError as error:
        logger.warning("Airflow is not healthy", extra={"reason": error.detail})
        degraded = ("airflow",)
    leased: SystemStatus = ports.store.get_system_status()
    noted = leased.evolve(checked_at=cause.at, degraded=degraded, lease_until=None)
    ports.store.commit([noted])
