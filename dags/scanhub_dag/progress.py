"""Tell how far a run is, neither too often nor twice the same."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

_MIN_PAUSE_S = 5.0


class Progress:
    """Passes on what is more than before, at most every five seconds.

    Parameters
    ----------
    tell
        Takes the progress [%].
    clock
        Returns a time that never goes back [s].
    """

    def __init__(
        self, tell: Callable[[int], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._told_percent = 0
        self._tells_again_at_s = -float("inf")
        self._lock = threading.Lock()

    def report(self, percent: float) -> None:
        """Tell it if that is news and it is time; what is left out is told with the next one."""
        whole = 0 if math.isnan(percent) else int(min(max(percent, 0), 100))
        if not self._lock.acquire(blocking=False):
            return  # another thread is telling
        try:
            if whole > self._told_percent and self._clock() >= self._tells_again_at_s:
                self._tell(whole)
                self._told_percent = whole
                self._tells_again_at_s = self._clock() + _MIN_PAUSE_S
        finally:
            self._lock.release()
