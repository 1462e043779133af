"""Tell the operator why nothing happens."""

from workflow_manager.observability import logger
from workflow_manager.ports import ExamClient


def tell_operator(exam: ExamClient, task_id: str, word: str | None) -> None:
    """Note a word about a task for its operator."""
    del exam  # Its client cannot yet change our line of a comment alone.
    logger.info("word for the operator", extra={"task_id": task_id, "reason": word})
