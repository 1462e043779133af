from functools import partial
from typing import Any

from benchmarks.requests import Figures, make_rows, measure, sum_up, warm_up
from benchmarks.requests_sides import Kind
from tests.unit.benchmarks.conftest import Run


class CountingSide:
    """Three clients that note what they are asked; each look at its clock finds a second more."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, Kind, str]] = []
        self.callers = [partial(self.call, n) for n in range(3)]
        self.cpu_s = 0

    async def call(self, n: int, kind: Kind, id_: str) -> None:
        self.calls.append((n, kind, id_))

    def read_cpu_s(self) -> float:
        self.cpu_s += 1
        return self.cpu_s


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

    assert [n for n, *_ in side.calls] == [0, 1]
    assert len(latencies_ms) == 2
    assert figures.cpu_ms == 500


def test_warm_up_asks_for_everything_twice_about_new_workflows(run: Run) -> None:
    side: Any = CountingSide()

    run(warm_up(side, [Kind.SCAN, Kind.DAG]))

    _, kinds, ids = zip(*side.calls, strict=True)
    assert kinds == (*[Kind.SCAN] * 3, *[Kind.DAG] * 3) * 2
    assert len(set(ids)) == len(ids)


def test_rows_show_ratios_to_the_first_side() -> None:
    sides = {"ScanHub's way": Figures(50, 1, 20, 2), "ours": Figures(250, 1, 4, 2)}

    assert make_rows(Kind.HELLO, 50, sides) == [
        ["GET hello", "50", "ScanHub's way", "50.0", "1", "1.00", "1", "20.0", "1", "2.00", "1"],
        ["", "", "ours", "250", "5.00", "1.00", "1.00", "4.00", "0.20", "2.00", "1.00"],
    ]
