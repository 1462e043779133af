"""Commit what was decided about a workflow, then let queue, Airflow and exam-manager follow.

After the commit nothing here may fail the caller: what is left undone is due in the table, and the
reconciler does it.
"""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.execution import Execution
from workflow_manager.ports import ExamClient, MessageQueue, Orchestrator, WorkflowStore
from workflow_manager.steps.runs.queue_start import queue_start
from workflow_manager.steps.runs.stop_dag_run import stop_dag_run
from workflow_manager.steps.tasks.mirror_task import mirror_task


def commit_execution(
    store: WorkflowStore, exam: ExamClient, execution: Execution, cause: Cause
) -> None:
    """Commit what creates and cancels no run, and tell exam-manager.

    Raises
    ------
    VersionConflictError
        Somebody else wrote first; nothing was written or sent.
    """
    if execution.changes:
        store.commit(execution.changes.entities, execution.changes.events)
        mirror_tasks(store, exam, execution, cause)


def commit_and_queue(
    store: WorkflowStore, queue: MessageQueue, exam: ExamClient, execution: Execution, cause: Cause
) -> None:
    """Commit, queue the runs that were created, and tell exam-manager.

    Raises
    ------
    VersionConflictError
        Somebody else wrote first; nothing was written or sent.
    """
    if execution.changes:
        store.commit(execution.changes.entities, execution.changes.events)
        queue_starts(queue, execution)
        mirror_tasks(store, exam, execution, cause)


def commit_and_stop(
    store: WorkflowStore,
    orchestrator: Orchestrator,
    exam: ExamClient,
    execution: Execution,
    cause: Cause,
) -> None:
    """Commit, stop the runs that were cancelled, and tell exam-manager.

    Raises
    ------
    VersionConflictError
        Somebody else wrote first; nothing was written or sent.
    """
    if execution.changes:
        store.commit(execution.changes.entities, execution.changes.events)
        stop_runs(store, orchestrator, execution, cause)
        mirror_tasks(store, exam, execution, cause)


def queue_starts(queue: MessageQueue, execution: Execution) -> None:
    """Queue the runs that a commit has created."""
    for run in execution.changes.runs.values():
        if run.version == 0:
            queue_start(queue, run.dag_run_id)


def stop_runs(
    store: WorkflowStore, orchestrator: Orchestrator, execution: Execution, cause: Cause
) -> None:
    """Stop in Airflow the runs that a commit has cancelled."""
    for run in execution.changes.runs.values():
        if run.stop_due_at is not None:
            stop_dag_run(store, orchestrator, run.dag_run_id, cause)


def mirror_tasks(
    store: WorkflowStore, exam: ExamClient, execution: Execution, cause: Cause
) -> None:
    """Tell exam-manager of the tasks that a commit has moved."""
    for task in execution.tasks.values():
        if task.is_mirror_due:
            mirror_task(store, exam, task.workflow_id, task.task_id, cause)
