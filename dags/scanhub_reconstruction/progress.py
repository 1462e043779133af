"""Tell how far the reconstruction is."""

from __future__ import annotations

from collections.abc import Callable

_FIRST_PERCENT, _LAST_PERCENT, _STEP_PERCENT = 25, 75, 5


class CoilProgress:
    """Counts from 25 to 75 percent, in steps of five.

    Parameters
    ----------
    report
        Takes the progress [%].
    n_coils
        How many coils are to be reconstructed, those of all volumes together.
    """

    def __init__(self, report: Callable[[int], None], n_coils: int) -> None:
        self._report = report
        self._n_coils = n_coils
        self._n_done = 0

    def count_coil(self) -> None:
        """Count one more coil."""
        self._n_done += 1
        n_steps = (_LAST_PERCENT - _FIRST_PERCENT) // _STEP_PERCENT
        self._report(_FIRST_PERCENT + _STEP_PERCENT * (n_steps * self._n_done // self._n_coils))
