"""Commit what was decided about a workflow, then let queue, Airflow and exam-manager follow.

After the commit nothing here may fail the caller: what is left undone is due in the table, and the
reconciler does it.
"""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.execution import Execution
from workflow_manager.ports import Ports
from workflow_manager.services.mirror_task import mirror_task
from workflow_manager.services.queue_start import queue_start
from workflow_manager.services.stop_dag_run import stop_dag_run


def commit_execution(ports: Ports, execution: Execution, cause: Cause) -> None:
    """Commit what creates and cancels no run, and tell exam-manager.

    Raises
    ------
    VersionConflictError
        Somebody else wrote first; nothing was written or sent.
    """
    if execution.changes:
        ports.store.commit(execution.changes, execution.events)
        mirror_tasks(ports, execution, cause)


def commit_and_queue(ports: Ports, execution: Execution, cause: Cause) -> None:
    """Commit, queue the runs that were created, and tell exam-manager.

    Raises
    ------
    VersionConflictError
        Somebody else wrote first; nothing was written or sent.
    """
    if execution.changes:
        ports.store.commit(execution.changes, execution.events)
        queue_starts(ports, execution)
        mirror_tasks(ports, execution, cause)


def commit_and_stop(ports: Ports, execution: Execution, cause: Cause) -> None:
    """Commit, stop the runs that were cancelled, and tell exam-manager.

    Raises
    ------
    VersionConflictError
        Somebody else wrote first; nothing was written or sent.
    """
    if execution.changes:
        ports.store.commit(execution.changes, execution.events)
        stop_runs(ports, execution, cause)
        mirror_tasks(ports, execution, cause)


def queue_starts(ports: Ports, execution: Execution) -> None:
    """Queue the runs that a commit has created."""
    for run in execution.changed_runs:
        if run.version == 0:
            queue_start(ports, run.dag_run_id)


def stop_runs(ports: Ports, execution: Execution, cause: Cause) -> None:
    """Stop in Airflow the runs that a commit has cancelled."""
    for run in execution.changed_runs:
        if run.stop_due_at is not None:
            stop_dag_run(ports, run.dag_run_id, cause)


def mirror_tasks(ports: Ports, execution: Execution, cause: Cause) -> None:
    """Tell exam-manager of the tasks that a commit has moved."""
    for task in execution.tasks.values():
        if task.is_mirror_due:
            mirror_task(ports, task.workflow_id, task.task_id, cause)
