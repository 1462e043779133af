"""Let one item fail without the others."""

from collections.abc import Iterator
from contextlib import contextmanager

from workflow_manager.domain.errors import ScanHubError, VersionConflictError
from workflow_manager.observability import count_left_undone, log_unexpected, logger


@contextmanager
def keep_going(message: str) -> Iterator[None]:
    """Log and count what goes wrong with one item, which is looked at again at a later turn.

    Parameters
    ----------
    message
        What is not done, for the log.
    """
    try:
        yield
    except VersionConflictError as error:
        # Somebody else has moved it on: nothing is left undone.
        logger.warning(message, extra={"reason": error.detail})
    except ScanHubError as error:
        logger.warning(message, extra={"reason": error.detail})
        count_left_undone()
    except Exception as error:  # noqa: BLE001 - a broken item must not keep the others waiting
        log_unexpected(error)
        count_left_undone()
