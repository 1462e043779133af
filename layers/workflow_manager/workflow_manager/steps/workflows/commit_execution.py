"""Commit what was decided about a workflow, and send the messages by which it has its effects.

After the commit nothing here may fail the caller: what is left undone is due in the table, and the
reconciler does it.
"""

from workflow_manager.domain.execution import Execution
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.steps.workflows.send_messages import queue_start, send_changes


def commit_execution(store: WorkflowStore, queue: MessageQueue, execution: Execution) -> None:
    """Commit; runs that were created wait to be started, what else has changed to be followed.

    Raises
    ------
    VersionConflictError
        Somebody else wrote first; nothing was written or sent.
    """
    if execution.changes:
        store.commit(execution.changes.entities, execution.changes.events)
        send_messages(queue, execution)


def send_messages(queue: MessageQueue, execution: Execution) -> None:
    """Send what a commit of these changes has made necessary."""
    for run in execution.changes.runs.values():
        if run.version == 0:
            queue_start(queue, run.dag_run_id)
    runs = [run for run in execution.changes.runs.values() if run.stop_due_at is not None]
    # A scan is told of inline; a report that it owes yet is the reconciler's.
    tasks = [task for task in execution.changes.tasks.values() if task.is_mirror_due]
    send_changes(queue, [task for task in tasks if not task.is_scanning], runs)
