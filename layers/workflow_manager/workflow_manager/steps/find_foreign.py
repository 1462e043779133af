"""Ask whether exam-manager is of the generation that we are deployed for."""

from workflow_manager.deadline import limit
from workflow_manager.domain.errors import UpstreamError
from workflow_manager.observability import logger
from workflow_manager.ports import ExamClient

TOTAL_S = 2.0


def find_foreign(exam: ExamClient) -> tuple[str, ...]:
    """Return in words that it is of another one, if it says so in time."""
    try:
        with limit(TOTAL_S):
            foreign = exam.find_foreign_contract()
    except UpstreamError as error:
        # A gateway may not show it, and nothing is left undone.
        logger.info("exam-manager's contract unknown", extra={"reason": error.detail})
        return ()
    return (foreign,) if foreign else ()
