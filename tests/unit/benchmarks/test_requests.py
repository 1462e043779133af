from itertools import count

import pytest

from benchmarks.requests_load import Bench, Figures, Load, Round, percentile, sum_up
from benchmarks.requests_neighbours import Neighbours
from benchmarks.requests_report import Comparison, Overhead, make_report
from benchmarks.requests_sides import Caller, Kind, Side, make_sqs_event, name_task, task_id_of
from tests.unit.benchmarks.conftest import Run
from workflow_manager.events.sqs import parse_body
from workflow_manager.services.trigger_airflow import StartDagRun

GOOD = Overhead(ours_us=200, reference_us=700)


class CountingCaller(Caller):
    """Notes what it is asked; has taken a second more each time that somebody wants to know."""

    def __init__(self) -> None:
        self.calls: list[tuple[Kind, int]] = []
        self._seconds = count()

    async def call(self, kind: Kind, number: int) -> None:
        self.calls.append((kind, number))

    async def read_cpu_s(self) -> float:
        return next(self._seconds)


def make_comparison(kind: Kind, n_clients: int, ours: float, theirs: float) -> Comparison:
    sides = [Figures(per_s, 1.0, 1000 / per_s, 2.0) for per_s in (ours, theirs)]
    return Comparison(Load(kind, n_clients), *sides)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([3.0, 1.0, 2.0], 50, 2.0), ([1.0, 2.0], 50, 1.0), ([5.0], 99, 5.0)],
)
def test_percentile_is_one_of_the_values(
    values: list[float], percent: int, expected: float
) -> None:
    assert percentile(values, percent) == expected


def test_percentile_leaves_out_one_of_two_hundred() -> None:
    assert percentile([*[1.0] * 199, 9.0], 99) == 1.0
    assert percentile([*[1.0] * 98, 9.0, 9.0], 99) == 9.0


def test_sum_up_takes_medians_of_rounds() -> None:
    rounds = [
        Round(duration_s=1, cpu_s=0.5, latencies_s=[0.1, 0.2]),
        Round(duration_s=2, cpu_s=0.2, latencies_s=[0.3, 0.3]),
        Round(duration_s=4, cpu_s=0.4, latencies_s=[0.1, 0.4]),
    ]

    figures = sum_up(rounds)

    assert figures.throughput_per_s == 1
    assert (figures.median_ms, figures.p99_ms) == pytest.approx((100, 400))
    assert figures.cpu_ms == pytest.approx(200)


@pytest.mark.parametrize(("has_one_process", "cpu_s"), [(True, 1), (False, 2)])
def test_measure_counts_each_process_and_each_call_once(
    has_one_process: bool, cpu_s: float, run: Run
) -> None:
    callers = [CountingCaller() for _ in range(3)]
    side = Side("a side", callers, has_one_process)

    seen = run(Bench(Neighbours(), duration_s=0).measure(side, Load(Kind.SCAN, 2)))

    assert [len(each.calls) for each in callers] == [1, 1, 0]
    assert (len(seen.latencies_s), seen.cpu_s) == (2, cpu_s)


def test_warm_up_asks_for_everything_twice_about_new_workflows(run: Run) -> None:
    caller = CountingCaller()
    side = Side("a side", [caller], has_one_process=True)

    run(Bench(Neighbours(), duration_s=0).warm_up(side))

    kinds, numbers = zip(*caller.calls, strict=True)
    assert kinds == (*Kind, *Kind)
    assert len(set(numbers)) == len(numbers)


def test_report_judges_goals_at_ten_clients_only() -> None:
    comparisons = [
        make_comparison(Kind.HELLO, 1, ours=1, theirs=10),
        make_comparison(Kind.HELLO, 10, ours=60, theirs=10),
        make_comparison(Kind.SCAN, 10, ours=40, theirs=10),
    ]

    table, *goals = make_report(comparisons, GOOD, 3, "machine").split("\n- ")

    assert table.startswith("machine; medians of 3 rounds.")
    assert [goal.count("not met") for goal in goals] == [0, 2, 0]
    assert "6.0 times the answers" in goals[0]
    assert "0.29" in goals[2]


def test_report_shows_ratios_to_scanhubs_way() -> None:
    [comparison] = [make_comparison(Kind.HELLO, 50, ours=250, theirs=50)]

    lines = make_report([comparison], GOOD, 3, "machine").splitlines()

    assert "| ScanHub's way | 50.0 | 1 |" in lines[4]
    assert "| ours | 250 | 5.00 | 1.00 | 1.00 | 4.00 | 0.20 |" in lines[5]


def test_overhead_above_the_goal_is_said() -> None:
    report = make_report([], Overhead(ours_us=400, reference_us=1000), 3, "machine")

    assert "0.40 (goal ≤ 0.36: **not met**)" in report


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


def test_each_kind_starts_a_task_of_its_workflow() -> None:
    scan, dag = task_id_of(Kind.SCAN, 7), task_id_of(Kind.DAG, 7)

    assert scan != dag
    assert dag == task_id_of(Kind.DAG_STARTED, 7)
    assert scan[:8] == dag[:8]
