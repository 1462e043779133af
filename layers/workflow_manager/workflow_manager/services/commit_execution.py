"""Commit what was decided about a workflow, then let queue and exam-manager follow."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import UpstreamError
from workflow_manager.domain.execution import Execution
from workflow_manager.observability import logger
from workflow_manager.ports import Ports
from workflow_manager.services.mirror_task import mirror_task


def commit_execution(ports: Ports, execution: Execution, cause: Cause) -> None:
    """Commit, queue the runs that were created, tell exam-manager.

    After the commit nothing here may fail the caller: what is left undone is due in the table, and
    the reconciler does it.

    Parameters
    ----------
    ports
        The outside world.
    execution
        What was decided.
    cause
        Who and when.

    Raises
    ------
    VersionConflictError
        Somebody else wrote first; nothing was written or sent.
    """
    if not execution.changes:
        return
    ports.store.commit(execution.changes, execution.events)
    try:
        for run in execution.new_runs:
            ports.queue.send_start(run.dag_run_id)
    except UpstreamError as error:
        logger.warning("run not queued, left to the reconciler", extra={"reason": error.detail})
    for task in execution.tasks.values():
        if task.is_mirror_due:
            mirror_task(ports, task.workflow_id, task.task_id, cause)
