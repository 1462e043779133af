import pytest

from benchmarks.requests import (
    Bench,
    Comparison,
    Figures,
    make_report,
    percentile,
    sum_up,
)
from benchmarks.requests_neighbours import Neighbours
from benchmarks.requests_sides import Caller, Kind, make_sqs_event, name_task, task_id_of
from tests.unit.benchmarks.conftest import Run
from workflow_manager.events.sqs import parse_body
from workflow_manager.services.trigger_airflow import StartDagRun


class CountingSide:
    """Two clients that note what they are asked; takes a second more for whoever wants to know."""

    name = "a side"

    def __init__(self) -> None:
        self.calls: list[tuple[Caller, Kind, int]] = []
        self.callers = [self.Client(self.calls) for _ in range(3)]
        self.cpu_s = 0

    class Client(Caller):
        def __init__(self, calls: list[tuple[Caller, Kind, int]]) -> None:
            self._calls = calls

        async def call(self, kind: Kind, number: int) -> None:
            self._calls.append((self, kind, number))

    def read_cpu_s(self) -> float:
        self.cpu_s += 1
        return self.cpu_s


def make_comparison(kind: Kind, n_clients: int, ours: float, theirs: float) -> Comparison:
    sides = [Figures(per_s, 1.0, 1000 / per_s, 2.0) for per_s in (theirs, ours)]
    return Comparison(kind, n_clients, *sides)


def test_percentile_is_one_of_the_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([1.0, 2.0], 50) == 1.0
    assert percentile([*[1.0] * 199, 9.0], 99) == 1.0
    assert percentile([*[1.0] * 98, 9.0, 9.0], 99) == 9.0


def test_sum_up_takes_medians_of_rounds_and_the_p99_of_all() -> None:
    rounds = [
        (Figures(2, 100, 200, 250), [100.0, 200.0]),
        (Figures(1, 300, 300, 100), [300.0, 300.0]),
        (Figures(0.5, 100, 400, 200), [100.0, 400.0]),
    ]

    assert sum_up(rounds) == Figures(1, 100, 400, 200)


def test_measure_counts_each_call_of_the_clients_that_ask(run: Run) -> None:
    side = CountingSide()

    figures, latencies_ms = run(Bench(Neighbours(), duration_s=0).measure(side, Kind.SCAN, 2))

    assert [caller for caller, *_ in side.calls] == side.callers[:2]
    assert len(latencies_ms) == 2
    assert figures.cpu_ms == 500


def test_warm_up_asks_for_everything_twice_about_new_workflows(run: Run) -> None:
    side = CountingSide()

    run(Bench(Neighbours(), duration_s=0).warm_up(side))

    _, kinds, numbers = zip(*side.calls, strict=True)
    assert kinds == (*Kind, *Kind) * 3
    assert len(set(numbers)) == len(numbers)


def test_report_judges_goals_at_ten_clients_only() -> None:
    comparisons = [
        make_comparison(Kind.HELLO, 1, ours=1, theirs=10),
        make_comparison(Kind.HELLO, 10, ours=60, theirs=10),
        make_comparison(Kind.SCAN, 10, ours=40, theirs=10),
    ]

    table, *goals = make_report(comparisons, 400, 1000, 3).split("\n- ")

    assert "; medians of 3 rounds." in table
    assert [goal.count("not met") for goal in goals] == [0, 2, 1]
    assert "6.0 times the answers" in goals[0]
    assert "0.40 (goal ≤ 0.36: **not met**)" in goals[2]


def test_report_shows_ratios_to_scanhubs_way() -> None:
    lines = make_report([make_comparison(Kind.HELLO, 50, 250, 50)], 200, 700, 3).splitlines()

    assert "| ScanHub's way | 50.0 | 1 |" in lines[4]
    assert "| ours | 250 | 5.00 | 1.00 | 1.00 | 4.00 | 0.20 |" in lines[5]


def test_an_event_is_renamed_as_a_whole() -> None:
    event = {"path": "/old", "requestContext": {"path": "/old", "requestId": "1"}}

    named = name_task(event, "task-1")

    assert named["path"].endswith("/trigger_task/task-1/")
    assert named["requestContext"]["path"] == "/api" + named["path"]
    assert named["requestContext"]["requestId"] == "1"
    assert event["path"] == "/old"


def test_the_queues_event_is_read_as_a_start() -> None:
    [record] = make_sqs_event('{"start_dag_run": "run-1"}')["Records"]

    assert parse_body(record["body"]) == [StartDagRun("run-1")]


@pytest.mark.parametrize("kind", [Kind.DAG, Kind.DAG_STARTED])
def test_each_kind_starts_a_task_of_its_workflow(kind: Kind) -> None:
    assert task_id_of(kind, 7) != task_id_of(Kind.SCAN, 7)
    assert task_id_of(kind, 7)[:8] == task_id_of(Kind.SCAN, 7)[:8]
