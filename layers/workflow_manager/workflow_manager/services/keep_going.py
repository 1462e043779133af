"""Let one item fail without the others."""

from collections.abc import Iterator
from contextlib import contextmanager

from workflow_manager.domain.errors import ScanHubError
from workflow_manager.observability import log_unexpected, logger


@contextmanager
def keep_going(message: str) -> Iterator[None]:
    """Log what goes wrong with one item, which is looked at again at a later turn.

    Parameters
    ----------
    message
        What is not done, for the log.
    """
    try:
        yield
    except ScanHubError as error:
        logger.warning(message, extra={"reason": error.detail})
    except Exception as error:  # noqa: BLE001 - a broken item must not keep the others waiting
        log_unexpected(error)
