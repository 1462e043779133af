import pytest

from workflow_manager.orchestrators.pace import Pace


class Clock:
    """A time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.naps_s: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, duration_s: float) -> None:
        self.naps_s.append(duration_s)
        self.now_s += duration_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_pace_waits_between_the_end_of_a_request_and_the_next(clock: Clock) -> None:
    pace = Pace(0.5, clock, clock.sleep)
    for duration_s in (2.0, 0.25, 0.0):
        with pace.keep():
            clock.now_s += duration_s
    assert clock.naps_s == [0.5, 0.5]


def test_pace_does_not_wait_when_time_has_passed(clock: Clock) -> None:
    pace = Pace(0.5, clock, clock.sleep)
    for _ in range(2):
        with pace.keep():
            pass
        clock.now_s += 0.5
    assert clock.naps_s == []


def test_pace_counts_failed_requests(clock: Clock) -> None:
    pace = Pace(0.5, clock, clock.sleep)
    with pytest.raises(OSError), pace.keep():
        raise OSError
    with pace.keep():
        pass
    assert clock.naps_s == [0.5]


def test_pace_of_zero_never_waits(clock: Clock) -> None:
    pace = Pace(0, clock, clock.sleep)
    for _ in range(2):
        with pace.keep():
            pass
    assert clock.naps_s == []
