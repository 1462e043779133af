from types import SimpleNamespace

import pytest

from workflow_manager.domain.errors import ConflictError, VersionConflictError
from workflow_manager.steps import retry_on_conflict as module
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.scans.start_scan import MAX_DELAY


@pytest.fixture
def pauses_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the pauses, which are all the time that passes."""
    pauses_s: list[float] = []
    time = SimpleNamespace(monotonic=lambda: sum(pauses_s), sleep=pauses_s.append)
    monkeypatch.setattr(module, "time", time)
    monkeypatch.setattr(module, "random", SimpleNamespace(uniform=lambda _, longest: longest))
    return pauses_s


def test_conflict_is_decided_anew_until_the_time_is_over(pauses_s: list[float]) -> None:
    @retry_on_conflict
    def lose() -> None:
        raise VersionConflictError("Others were first.")

    with pytest.raises(VersionConflictError):
        lose()

    assert pauses_s[:6] == [0.05, 0.1, 0.2, 0.4, 0.8, 1]
    assert module.TOTAL_S - module.MAX_PAUSE_S <= sum(pauses_s) < module.TOTAL_S
    # An operator's scan is started late by it, and not refused.
    assert module.TOTAL_S < MAX_DELAY.total_seconds()


def test_conflict_that_others_cannot_end_is_told_at_once(pauses_s: list[float]) -> None:
    @retry_on_conflict
    def refuse() -> None:
        raise ConflictError("The task is in progress.")

    with pytest.raises(ConflictError):
        refuse()

    assert pauses_s == []
