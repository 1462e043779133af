"""The log of functions that run in this process."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from workflow_manager.observability import logger


@contextmanager
def capture_log() -> Iterator[io.StringIO]:
    """Keep all that goes to the log, as JSON lines."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logger.registered_formatter)
    logging.getLogger().addHandler(handler)
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)
    logging.getLogger().removeHandler(handler)


def read_log(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines of a log."""
    # Ours come twice: under pytest they reach the root too.
    return [json.loads(line) for line in dict.fromkeys(stream.getvalue().splitlines())]
