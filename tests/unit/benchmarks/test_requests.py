from typing import Any

from benchmarks.requests import Comparison, Figures, make_report, measure, sum_up, warm_up
from benchmarks.requests_sides import Caller, Kind
from tests.unit.benchmarks.conftest import Run


class CountingSide:
    """Three clients that note what they are asked; each look at its clock finds a second more."""

    class Client(Caller):
        def __init__(self, calls: list[tuple[Caller, Kind, str]]) -> None:
            self._calls = calls

        async def call(self, kind: Kind, task_id: str) -> None:
            self._calls.append((self, kind, task_id))

    def __init__(self) -> None:
        self.calls: list[tuple[Caller, Kind, str]] = []
        self.callers = [self.Client(self.calls) for _ in range(3)]
        self.cpu_s = 0

    def read_cpu_s(self) -> float:
        self.cpu_s += 1
        return self.cpu_s


def make_comparison(kind: Kind, n_clients: int, ours: float, theirs: float) -> Comparison:
    sides = [Figures(per_s, 1.0, 1000 / per_s, 2.0) for per_s in (theirs, ours)]
    return Comparison(kind, n_clients, *sides)


def test_sum_up_takes_medians_of_rounds_and_the_p99_of_all() -> None:
    rounds = [
        (Figures(2, 100, 200, 250), [100.0, 200.0]),
        (Figures(1, 300, 300, 100), [300.0, 300.0]),
        (Figures(0.5, 100, 400, 200), [100.0, 400.0]),
    ]

    assert sum_up(rounds) == Figures(1, 100, 400, 200)


def test_measure_counts_each_call_of_the_clients_that_ask(run: Run) -> None:
    side: Any = CountingSide()

    figures, latencies_ms = run(measure(side, Kind.SCAN, 2, duration_s=0))

    assert [caller for caller, *_ in side.calls] == side.callers[:2]
    assert len(latencies_ms) == 2
    assert figures.cpu_ms == 500


def test_warm_up_asks_for_everything_twice_about_new_workflows(run: Run) -> None:
    side: Any = CountingSide()

    run(warm_up(side))

    _, kinds, task_ids = zip(*side.calls, strict=True)
    assert kinds == (*Kind, *Kind) * 3
    assert len(set(task_ids)) == len(task_ids)


def test_report_shows_ratios_to_scanhubs_way() -> None:
    lines = make_report([make_comparison(Kind.HELLO, 50, 250, 50)], 3).splitlines()

    assert "| ScanHub's way | 50.0 | 1 |" in lines[4]
    assert "| ours | 250 | 5.00 | 1.00 | 1.00 | 4.00 | 0.20 |" in lines[5]
