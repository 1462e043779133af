"""How fast requests may follow each other."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Pace:
    """Keeps an interval between the end of one request and the start of the next.

    Parameters
    ----------
    interval_s
        The shortest interval [s]; 0: none.
    clock
        Returns a time that never goes back [s].
    sleep
        Waits a number of seconds.
    """

    def __init__(
        self,
        interval_s: float = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._sleep = sleep
        self._earliest_s: float | None = None

    @contextmanager
    def keep(self) -> Iterator[None]:
        """Wait until the next request may start; leaving the block is its end."""
        if self._earliest_s is not None:
            remaining_s = self._earliest_s - self._clock()
            if remaining_s > 0:
                self._sleep(remaining_s)
        try:
            yield
        finally:
            self._earliest_s = self._clock() + self._interval_s
