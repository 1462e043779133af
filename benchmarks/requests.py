"""Warm requests: our functions beside a server built the way ScanHub's workflow-manager was.

    make benchmark-requests [QUICK=1] [WRITE=1]

Both sides answer the same requests and call the same neighbours (`requests_neighbours`), which
answer after 5 ms; ScanHub's services after 10 ms, for they check the caller's token themselves.
The server is one process: FastAPI, blocking calls in `async def`, the token checked first. Ours are
the real functions, called with API Gateway's events, each in execution environments of their own
as on Lambda: one event at a time, so n clients have n of them. The processes of both sides are
pinned to one core, in turn; neighbours and clients have another. So answers a second are those of
one core, and the processor time is that of the processes which answer, alone.

API Gateway is not in it: not its own time, and not `authorize_request`, whose answer it keeps for a
token (60 s, `TokenCacheSeconds`); the events carry what it said. Nor is Lambda's own way between
API Gateway and the function. Our functions forward the user's token as ScanHub does, so what
neighbours do to check it is in the latency of both.

A trigger of a DAG is asked for in two ways: until the answer, when our run waits in the queue, and
until Airflow has it, with the call of `trigger_airflow` that the queue leads to. To the server,
which calls Airflow before it answers, both are the same.

Then the time of a POST around the use case, beside the Lambda that everybody writes
(`requests_overhead`). Medians of several rounds, all sides taking turns.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import count

import numpy as np

from benchmarks.child import run_child
from benchmarks.report import describe_machine, make_table, run_command, take_medians
from benchmarks.requests_neighbours import Neighbours, make_environ, run_neighbours
from benchmarks.requests_overhead import ENVIRON
from benchmarks.requests_sides import Caller, Kind, Side, run_environments, run_server
from benchmarks.starters import build_reference
from local.config import ROOT, StackConfig, StackError, aws_environ

MIN_THROUGHPUT_RATIO = 5.0
MAX_P99_RATIO = 0.2
MAX_OVERHEAD_RATIO = 0.36
N_CLIENTS_OF_GOALS = 10
_HEAD = ("request", "clients", "side", "answers/s", "ratio", "median ms", "ratio", "p99 ms")


@dataclass(frozen=True)
class Plan:
    """How many clients ask at once, how often, for how long [s], and how many POSTs alone."""

    n_clients: Sequence[int] = (1, 10, 50)
    n_rounds: int = 3
    duration_s: float = 3.0
    n_posts: int = 2000


QUICK = Plan(n_clients=(1, 10), n_rounds=2, duration_s=1.0, n_posts=500)


@dataclass(frozen=True)
class Figures:
    """A side under one load, in a round or in the medians of several.

    Attributes
    ----------
    per_s
        Answers in a second, of one core.
    median_ms, p99_ms
        Latency [ms].
    cpu_ms
        Processor time of a request, of all processes that answer [ms].
    """

    per_s: float
    median_ms: float
    p99_ms: float
    cpu_ms: float


@dataclass(frozen=True)
class Load:
    """One kind of request by so many clients, each waiting for its answer."""

    kind: Kind
    n_clients: int


@dataclass(frozen=True)
class Comparison:
    """Both sides under one load: ScanHub's way, and ours."""

    load: Load
    theirs: Figures
    ours: Figures

    @property
    def ratios(self) -> Figures:
        """Ours in units of theirs."""
        pairs = zip(astuple(self.ours), astuple(self.theirs), strict=True)
        return Figures(*(mine / other for mine, other in pairs))


class Bench:
    """Loads sides with requests, for a while [s], about workflows that are new each time."""

    def __init__(self, neighbours: Neighbours, duration_s: float) -> None:
        self._neighbours = neighbours
        self._duration_s = duration_s
        self._numbers: Iterator[int] = count(1)

    async def warm_up(self, side: Side) -> None:
        """Let each client of a side be answered all kinds twice, so that nothing is built later."""
        for caller in side.callers:
            for kind in [*Kind, *Kind]:
                await self._call(caller, kind)

    async def measure(self, side: Side, load: Load) -> tuple[Figures, list[float]]:
        """Return the figures of one round, and all latencies [ms]."""
        before_s, started_s = side.read_cpu_s(), time.perf_counter()
        end_s = started_s + self._duration_s
        asked = [self._ask(each, load.kind, end_s) for each in side.callers[: load.n_clients]]
        latencies_ms = [each for latencies in await asyncio.gather(*asked) for each in latencies]
        duration_s, n_answers = time.perf_counter() - started_s, len(latencies_ms)
        figures = Figures(
            per_s=n_answers / duration_s,
            median_ms=percentile(latencies_ms, 50),
            p99_ms=percentile(latencies_ms, 99),
            cpu_ms=(side.read_cpu_s() - before_s) / n_answers * 1e3,
        )
        return figures, latencies_ms

    async def compare(self, theirs: Side, ours: Side, load: Load, n_rounds: int) -> Comparison:
        """Let both sides take turns under one load."""
        print(f"{load.kind.value}, {load.n_clients} clients …", file=sys.stderr)
        rounds = [
            [await self.measure(side, load) for side in (theirs, ours)] for _ in range(n_rounds)
        ]
        return Comparison(load, *(sum_up(each) for each in zip(*rounds, strict=True)))

    async def _ask(self, caller: Caller, kind: Kind, end_s: float) -> list[float]:
        latencies_ms = [await self._call(caller, kind)]
        while time.perf_counter() < end_s:
            latencies_ms.append(await self._call(caller, kind))
        return latencies_ms

    async def _call(self, caller: Caller, kind: Kind) -> float:
        # A scan takes an odd number, a reconstruction an even one.
        number = next(self._numbers) * 2 - (kind is Kind.SCAN)
        if kind in (Kind.DAG, Kind.DAG_STARTED):
            self._neighbours.add_scanned(number)
        started_s = time.perf_counter()
        await caller.call(kind, number)
        return (time.perf_counter() - started_s) * 1e3


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that so many percent of all do not exceed."""
    return float(np.percentile(values, percent, method="inverted_cdf"))


def sum_up(rounds: Sequence[tuple[Figures, list[float]]]) -> Figures:
    """Return the medians of rounds of the same side and load, the p99 of all their requests."""
    every_ms = [each for _, latencies_ms in rounds for each in latencies_ms]
    medians = take_medians([figures for figures, _ in rounds])
    return replace(medians, p99_ms=percentile(every_ms, 99))


async def compare(plan: Plan) -> list[Comparison]:
    """Return what both sides do under all loads."""
    clients_core, core = choose_cores()
    os.sched_setaffinity(0, {clients_core})
    n_max = max(plan.n_clients)
    async with run_neighbours() as neighbours:
        config = StackConfig(aws_port=neighbours.port)
        environ = aws_environ(config) | make_environ(neighbours.port)
        async with (
            run_server(environ, core, n_max) as theirs,
            run_environments(environ, core, n_max, neighbours) as ours,
        ):
            bench = Bench(neighbours, plan.duration_s)
            for side in (theirs, ours):
                await bench.warm_up(side)
            loads = [Load(kind, n) for kind in Kind for n in plan.n_clients]
            return [await bench.compare(theirs, ours, load, plan.n_rounds) for load in loads]


def choose_cores() -> tuple[int, int]:
    """Return a core for clients and neighbours and one for what is measured.

    Raises
    ------
    StackError
        There are no two of them, or processes cannot be pinned here.
    """
    if not hasattr(os, "sched_getaffinity"):
        raise StackError("Processes are pinned to cores by Linux only.")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise StackError("Two cores are needed: one for what is measured, one for the others.")
    return cores[0], cores[1]


def measure_overhead(plan: Plan) -> tuple[float, float]:
    """Return the processor time of a POST around the use case [µs]: ours, and the reference's."""
    [reference, *_] = build_reference()
    roots = {"ours": ROOT / "layers" / "workflow_manager", "reference": reference.task_root}
    environ = aws_environ(StackConfig()) | ENVIRON
    rounds = [
        [
            run_child("requests_overhead", side, str(plan.n_posts), PYTHONPATH=str(root), **environ)
            for side, root in roots.items()
        ]
        for _ in range(plan.n_rounds)
    ]
    ours_us, reference_us = map(statistics.median, zip(*rounds, strict=True))
    return ours_us, reference_us


def make_report(
    comparisons: Sequence[Comparison], ours_us: float, reference_us: float, n_rounds: int
) -> str:
    """Return table and goals in Markdown, with the time of a POST around the use case [µs]."""
    rows = [row for each in comparisons for row in _make_rows(each)]
    judged = [each for each in comparisons if each.load.n_clients == N_CLIENTS_OF_GOALS]
    ratio = ours_us / reference_us
    overhead = (
        f"- Around the use case, a POST takes {ours_us:.0f} µs of processor time, that of the"
        f" reference {reference_us:.0f} µs: {ratio:.2f} (goal ≤ {MAX_OVERHEAD_RATIO}:"
        f" {_say(is_met=ratio <= MAX_OVERHEAD_RATIO)})."
    )
    return "\n\n".join(
        [
            f"{describe_machine()}; medians of {n_rounds} rounds.",
            make_table([*_HEAD, "ratio", "CPU ms", "ratio"], rows),
            "\n".join([*map(_judge, judged), overhead]),
        ]
    )


def _make_rows(comparison: Comparison) -> Iterator[list[str]]:
    load, theirs = comparison.load, astuple(comparison.theirs)
    cells = [cell for value in theirs for cell in (_format(value), "1")]
    yield [load.kind.value, str(load.n_clients), "ScanHub's way", *cells]
    pairs = zip(astuple(comparison.ours), astuple(comparison.ratios), strict=True)
    yield [
        "",
        "",
        "ours",
        *(cell for mine, ratio in pairs for cell in (_format(mine), f"{ratio:.2f}")),
    ]


def _format(value: float) -> str:
    # Three digits, whatever the size.
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _judge(comparison: Comparison) -> str:
    load, ratios = comparison.load, comparison.ratios
    is_fast = _say(is_met=ratios.per_s >= MIN_THROUGHPUT_RATIO)
    is_prompt = _say(is_met=ratios.p99_ms <= MAX_P99_RATIO)
    return (
        f"- {load.kind.value}, {load.n_clients} clients: {ratios.per_s:.1f} times the answers of a"
        f" core (goal ≥ {MIN_THROUGHPUT_RATIO:.0f}: {is_fast}), {ratios.p99_ms:.2f} of the p99"
        f" (goal ≤ {MAX_P99_RATIO}: {is_prompt})."
    )


def _say(*, is_met: bool) -> str:
    return "met" if is_met else "**not met**"


def run(is_quick: bool) -> str:
    """Measure everything and return the report."""
    plan = QUICK if is_quick else Plan()
    overhead_us = measure_overhead(plan)
    return make_report(asyncio.run(compare(plan)), *overhead_us, plan.n_rounds)


if __name__ == "__main__":
    run_command(run, "requests")
