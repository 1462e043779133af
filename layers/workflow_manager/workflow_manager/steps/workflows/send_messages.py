"""Messages after a commit; what cannot be sent is due in the table, and left to the reconciler."""

from collections.abc import Callable, Sequence

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.errors import UpstreamError
from workflow_manager.domain.task import Task
from workflow_manager.observability import logger
from workflow_manager.ports import MessageQueue


def queue_start(queue: MessageQueue, dag_run_id: str) -> None:
    """Ask for a pending run to be started."""
    _try_to_send(lambda: queue.send_start(dag_run_id), {"dag_run_id": dag_run_id})


def send_changes(queue: MessageQueue, tasks: Sequence[Task], runs: Sequence[DagRun] = ()) -> None:
    """Ask for exam-manager to be told of tasks of one workflow, and for runs to be stopped."""
    if tasks:
        workflow_id, task_ids = tasks[0].workflow_id, [task.task_id for task in tasks]
        _try_to_send(lambda: queue.send_reports(workflow_id, task_ids), {"task_ids": task_ids})
    if runs:
        run_ids = [run.dag_run_id for run in runs]
        _try_to_send(lambda: queue.send_stops(run_ids), {"dag_run_ids": run_ids})


def _try_to_send(send: Callable[[], None], named: dict[str, object]) -> None:
    try:
        send()
    except UpstreamError as error:
        extra = named | {"reason": error.detail}
        logger.warning("message not sent, left to the reconciler", extra=extra)
