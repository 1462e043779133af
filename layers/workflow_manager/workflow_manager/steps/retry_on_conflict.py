"""Decide again when somebody else wrote first."""

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from workflow_manager.domain.errors import VersionConflictError

MAX_ATTEMPTS = 8
MAX_PAUSE_S = 0.02

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
        The same, trying up to eight times, a little later each time: of the writers that meet,
        one wins each round.
    """

    @functools.wraps(use_case)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        for n_conflicts in range(1, MAX_ATTEMPTS):
            try:
                return use_case(*args, **kwargs)
            except VersionConflictError:
                time.sleep(random.uniform(0, MAX_PAUSE_S * n_conflicts))  # noqa: S311 - jitter
        return use_case(*args, **kwargs)

    return wrapper
