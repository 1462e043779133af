from __future__ import annotations

import json

import httpx
import pytest

from scanhub_reconstruction.callback import ResultsCallback
from scanhub_reconstruction.progress import CoilProgress


def reconstruct(n_coils: int, coil_s: float) -> list[int]:
    """Return the progress that is reported when each coil takes that long."""
    reported: list[int] = []
    now_s = 0.0

    def answer(request: httpx.Request) -> httpx.Response:
        reported.append(json.loads(request.content)["progress"])
        return httpx.Response(200)

    transport = httpx.MockTransport(answer)
    with ResultsCallback("https://a.test/", "t", "d", transport=transport) as callback:
        progress = CoilProgress(callback, n_coils, clock=lambda: now_s)
        for _ in range(n_coils):
            now_s += coil_s
            progress.count_coil()
    return reported


@pytest.mark.parametrize(
    ("n_coils", "coil_s", "reported"),
    [
        (1, 60.0, []),
        (2, 60.0, [50]),
        (4, 60.0, [35, 50, 60]),
        (1000, 60.0, [30, 35, 40, 45, 50, 55, 60, 65, 70]),
        (1000, 0.001, []),
        (1000, 0.01, [35, 45, 55, 65]),
    ],
)
def test_coil_progress_is_told_seldom(n_coils: int, coil_s: float, reported: list[int]) -> None:
    assert reconstruct(n_coils, coil_s) == reported
