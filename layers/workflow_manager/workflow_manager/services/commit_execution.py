"""Commit what was decided about a workflow, then let queue, Airflow and exam-manager follow."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.execution import Execution
from workflow_manager.ports import Ports
from workflow_manager.services.mirror_task import mirror_task
from workflow_manager.services.queue_start import queue_start
from workflow_manager.services.stop_dag_run import stop_dag_run


def commit_execution(ports: Ports, execution: Execution, cause: Cause) -> None:
    """Commit, queue the runs that were created, stop those that were cancelled, tell exam-manager.

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
    if execution.changes:
        ports.store.commit(execution.changes, execution.events)
        follow_up(ports, execution, cause)


def follow_up(ports: Ports, execution: Execution, cause: Cause) -> None:
    """Do what follows a commit, and fail nobody.

    Parameters
    ----------
    ports
        The outside world.
    execution
        What was committed.
    cause
        Who and when.
    """
    for run in execution.changed_runs:
        if run.version == 0:
            queue_start(ports, run.dag_run_id)
        elif run.stop_due_at is not None:
            stop_dag_run(ports, run.dag_run_id, cause)
    for task in execution.tasks.values():
        if task.is_mirror_due:
            mirror_task(ports, task.workflow_id, task.task_id, cause)
