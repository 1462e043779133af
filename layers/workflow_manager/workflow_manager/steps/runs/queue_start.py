"""Ask for a pending run to be started."""

from workflow_manager.domain.errors import UpstreamError
from workflow_manager.observability import logger
from workflow_manager.ports import MessageQueue


def queue_start(queue: MessageQueue, dag_run_id: str) -> None:
    """Send the message that a run waits; what fails is left to the reconciler, for which it is due.

    Parameters
    ----------
    dag_run_id
        A pending run.
    """
    try:
        queue.send_start(dag_run_id)
    except UpstreamError as error:
        extra = {"dag_run_id": dag_run_id, "reason": error.detail}
        logger.warning("run not queued, left to the reconciler", extra=extra)
