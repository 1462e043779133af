"""Trying again, by a clock that tests can replace."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx


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

    def wait(self, n_failed: int, asked_s: float = 0) -> None:
        """Wait before the next attempt.

        Parameters
        ----------
        n_failed
            How many attempts have failed, from 1.
        asked_s
            What the server asks for [s], within the same bound.
        """
        longest_s = min(self.first_wait_s * 2 ** (n_failed - 1), self.max_wait_s)
        self.clock.sleep(max(longest_s * self.random(), min(asked_s, self.max_wait_s)))


def read_retry_after(answer: httpx.Response | None) -> float:
    """Return for how long a server asks not to be called [s]; 0 if it does not say.

    Parameters
    ----------
    answer
        With ``Retry-After`` or without, in seconds or as a date
        (https://www.rfc-editor.org/rfc/rfc9110#field.retry-after).
    """
    text = answer.headers.get("Retry-After", "") if answer is not None else ""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return 0.0
