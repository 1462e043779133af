from __future__ import annotations

import pytest

from scanhub_dag.progress import Progress
from scanhub_reconstruction.progress import CoilProgress


def reconstruct(n_coils: int, coil_s: float) -> list[int]:
    """Return the progress that is told when each coil takes that long."""
    told: list[int] = []
    now_s = 0.0
    progress = Progress(told.append, clock=lambda: now_s)
    coils = CoilProgress(progress.report, n_coils)
    for _ in range(n_coils):
        now_s += coil_s
        coils.count_coil()
    return told


@pytest.mark.parametrize(
    ("n_coils", "coil_s", "told"),
    [
        (1, 60.0, [75]),
        (2, 60.0, [50, 75]),
        (4, 60.0, [35, 50, 60, 75]),
        (1000, 60.0, [25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75]),
        (1000, 0.001, [25]),
        (1000, 0.02, [25, 35, 50, 60]),
    ],
)
def test_coil_progress_is_told_seldom(n_coils: int, coil_s: float, told: list[int]) -> None:
    assert reconstruct(n_coils, coil_s) == told


@pytest.mark.parametrize(
    ("reported", "told"),
    [
        ([0, 0.4], []),
        ([10, 10, 10.9], [10]),
        ([50, 40, 51], [50, 51]),
        ([-5, 1000], [100]),
        ([float("nan"), float("inf")], [100]),
    ],
)
def test_progress_tells_what_is_more_than_before(reported: list[float], told: list[int]) -> None:
    heard: list[int] = []
    times_s = iter(range(0, 1000, 10))
    progress = Progress(heard.append, clock=lambda: next(times_s))

    for percent in reported:
        progress.report(percent)

    assert heard == told


def test_progress_of_a_thread_does_not_wait_for_another_ones() -> None:
    heard: list[int] = []

    def tell(percent: int) -> None:
        heard.append(percent)
        progress.report(percent + 1)  # meanwhile

    progress = Progress(tell, clock=lambda: 0.0)
    progress.report(10)
    assert heard == [10]
