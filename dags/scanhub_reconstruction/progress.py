"""Tell how far the reconstruction is, neither too often nor too much."""

from __future__ import annotations

import time
from collections.abc import Callable

from scanhub_reconstruction.callback import ResultsCallback

_FIRST_PERCENT, _LAST_PERCENT, _STEP_PERCENT = 25, 75, 5
_MIN_PAUSE_S = 2.0


class CoilProgress:
    """Reports between 25 and 75 percent: at most nine times, and never twice in two seconds.

    Parameters
    ----------
    callback
        Whom to tell.
    n_coils
        How many coils are to be reconstructed, those of all volumes together.
    clock
        Returns a time in seconds.
    """

    def __init__(
        self,
        callback: ResultsCallback,
        n_coils: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._callback = callback
        self._n_coils = n_coils
        self._clock = clock
        self._n_done = 0
        self._reported_percent = _FIRST_PERCENT
        self._reported_at_s = clock()

    def count_coil(self) -> None:
        """Count one more coil, and tell if it is time."""
        self._n_done += 1
        n_steps = (_LAST_PERCENT - _FIRST_PERCENT) // _STEP_PERCENT
        percent = _FIRST_PERCENT + _STEP_PERCENT * (n_steps * self._n_done // self._n_coils)
        is_new = self._reported_percent < percent < _LAST_PERCENT
        if is_new and self._clock() - self._reported_at_s >= _MIN_PAUSE_S:
            self._callback.report_progress(percent)
            self._reported_percent, self._reported_at_s = percent, self._clock()
