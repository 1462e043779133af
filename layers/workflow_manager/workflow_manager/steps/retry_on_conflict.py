"""Decide again when somebody else wrote first."""

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from workflow_manager.domain.errors import VersionConflictError

# Enough for fifty at once, and less than an operator's call may take before its scan starts.
TOTAL_S = 8.0
FIRST_PAUSE_S = 0.05
MAX_PAUSE_S = 1.0

P = ParamSpec("P")
T = TypeVar("T")


def retry_on_conflict(use_case: Callable[P, T]) -> Callable[P, T]:
    """Run a use case again, from its first read, after a `VersionConflictError`.

    Parameters
    ----------
    use_case
        Reads, decides, commits; does nothing outside before its commit.

    Returns
    -------
    Callable
        The same, begun anew for `TOTAL_S`, after pauses that grow: of the writers that meet, one
        wins each round.
    """

    @functools.wraps(use_case)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        ends_at_s = time.monotonic() + TOTAL_S
        longest_s = FIRST_PAUSE_S
        while True:
            try:
                return use_case(*args, **kwargs)
            except VersionConflictError:
                pause_s = random.uniform(0, longest_s)  # noqa: S311 - jitter
                if time.monotonic() + pause_s >= ends_at_s:
                    raise
                time.sleep(pause_s)
                longest_s = min(2 * longest_s, MAX_PAUSE_S)

    return wrapper
