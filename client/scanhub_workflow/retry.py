"""Trying again, by a clock that tests can replace."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Clock:
    """Time as it passes.

    Parameters
    ----------
    now
        Seconds since any moment.
    sleep
        Lets seconds pass.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Retry:
    """How often to try, and how long to wait in between.

    Parameters
    ----------
    n_attempts
        Those of one request, the first one included.
    first_wait_s, max_wait_s
        The longest wait before the second attempt [s], which doubles up to a bound [s].
    random
        From 0 to 1: clients that failed together do not come back together.
    """

    n_attempts: int = 6
    first_wait_s: float = 1
    max_wait_s: float = 20
    clock: Clock = field(default_factory=Clock)
    random: Callable[[], float] = random.random

    def wait(self, n_failed: int) -> None:
        """Wait before the next attempt.

        Parameters
        ----------
        n_failed
            How many attempts have failed, from 1.
        """
        longest_s = min(self.first_wait_s * 2 ** (n_failed - 1), self.max_wait_s)
        self.clock.sleep(longest_s * self.random())
