"""Tell the operator something in ScanHub's own page, which shows no answer of ours."""

from workflow_manager.deadline import limit
from workflow_manager.domain.errors import UpstreamError
from workflow_manager.observability import logger
from workflow_manager.ports import ExamClient

# The caller waits, and has his answer whether ScanHub's page shows it too or not.
TOTAL_S = 3.0


def tell_operator(exam: ExamClient, task_id: str, word: str | None) -> None:
    """Put a word into our line of a task's comment if exam-manager takes it in time.

    The next report of the task replaces it. A task that device-manager writes to is left alone.

    Parameters
    ----------
    word
        One sentence, free of patient data; None takes our line out.
    """
    try:
        with limit(TOTAL_S):
            exam.report_task(task_id, word=word)
    except UpstreamError as error:
        extra = {"task_id": task_id, "reason": error.detail}
        logger.warning("operator not told in exam-manager", extra=extra)
