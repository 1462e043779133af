"""Warm requests: our functions beside a server that is built like ScanHub's workflow-manager.

    make benchmark-requests [QUICK=1] [WRITE=1]

The processes of the side that is measured run on one core, neighbours and clients on another.
docs/performance.md says what is measured and what is left out.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import count

from benchmarks.report import describe_machine, make_table, percentile, run_command, take_medians
from benchmarks.requests_neighbours import (
    RECONSTRUCTION,
    SCAN,
    Neighbours,
    make_environ,
    make_id,
    run_neighbours,
)
from benchmarks.requests_sides import Caller, Kind, Side, run_environments, run_server
from local.config import StackConfig, StackError, aws_environ

MIN_THROUGHPUT_RATIO = 5.0
MAX_P99_RATIO = 0.2
N_CLIENTS_OF_GOALS = 10
# Each request is for a new workflow.
_NUMBERS = count(1)
_HEAD = ("request", "clients", "side", "answers/s", "ratio", "median ms", "ratio", "p99 ms")


@dataclass(frozen=True)
class Plan:
    """How many clients ask at once, how often and for how long [s]."""

    n_clients: Sequence[int] = (1, 10, 50)
    n_rounds: int = 3
    duration_s: float = 3.0


QUICK = Plan(n_clients=(1, 10), n_rounds=2, duration_s=1.0)


@dataclass(frozen=True)
class Figures:
    """A side under one load: answers per core, latency, and processor time of a request."""

    per_s: float
    median_ms: float
    p99_ms: float
    cpu_ms: float


@dataclass(frozen=True)
class Comparison:
    """Both sides under one kind of request by so many clients: ScanHub's way, and ours."""

    kind: Kind
    n_clients: int
    theirs: Figures
    ours: Figures

    @property
    def ratios(self) -> Figures:
        """Our figures in units of theirs."""
        pairs = zip(astuple(self.ours), astuple(self.theirs), strict=True)
        return Figures(*(mine / other for mine, other in pairs))


async def warm_up(neighbours: Neighbours, side: Side) -> None:
    """Let each client send all kinds of requests twice, so that nothing is built later."""
    for caller in side.callers:
        for kind in [*Kind, *Kind]:
            await _call(neighbours, caller, kind)


async def measure(
    neighbours: Neighbours, side: Side, kind: Kind, n_clients: int, duration_s: float
) -> tuple[Figures, list[float]]:
    """Return the figures of one round of so many clients, and all latencies [ms]."""
    before_s, started_s = side.read_cpu_s(), time.perf_counter()

    async def ask(caller: Caller) -> list[float]:
        latencies_ms = [await _call(neighbours, caller, kind)]
        while time.perf_counter() < started_s + duration_s:
            latencies_ms.append(await _call(neighbours, caller, kind))
        return latencies_ms

    lists = await asyncio.gather(*map(ask, side.callers[:n_clients]))
    latencies_ms = [each for latencies in lists for each in latencies]
    n_answers = len(latencies_ms)
    figures = Figures(
        per_s=n_answers / (time.perf_counter() - started_s),
        median_ms=percentile(latencies_ms, 50),
        p99_ms=percentile(latencies_ms, 99),
        cpu_ms=(side.read_cpu_s() - before_s) / n_answers * 1e3,
    )
    return figures, latencies_ms


async def _call(neighbours: Neighbours, caller: Caller, kind: Kind) -> float:
    # A scan takes an odd number, a reconstruction an even one.
    number = next(_NUMBERS) * 2 - (kind is Kind.SCAN)
    if kind in (Kind.DAG, Kind.DAG_STARTED):
        neighbours.add_scanned(number)
    task_id = make_id(number, SCAN if kind is Kind.SCAN else RECONSTRUCTION)
    started_s = time.perf_counter()
    await caller.call(kind, task_id)
    return (time.perf_counter() - started_s) * 1e3


def sum_up(rounds: Sequence[tuple[Figures, list[float]]]) -> Figures:
    """Return the medians of rounds of the same side and load, the p99 of all their requests."""
    every_ms = [each for _, latencies_ms in rounds for each in latencies_ms]
    medians = take_medians([figures for figures, _ in rounds])
    return replace(medians, p99_ms=percentile(every_ms, 99))


async def compare(plan: Plan) -> list[Comparison]:
    """Return what both sides do under all loads, taking turns.

    Raises
    ------
    StackError
        This machine cannot pin processes to two cores.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        raise StackError("Linux and two cores are needed: one is for what is measured alone.")
    os.sched_setaffinity(0, {cores[0]})
    compared = []
    async with run_neighbours() as neighbours:
        config = StackConfig(aws_port=neighbours.port)
        environ = aws_environ(config) | make_environ(neighbours.port)
        known = environ, cores[1], max(plan.n_clients)
        async with run_server(*known) as theirs, run_environments(*known) as ours:
            sides = theirs, ours
            for side in sides:
                await warm_up(neighbours, side)
            for kind, n in ((kind, n) for kind in Kind for n in plan.n_clients):
                print(f"{kind.value}, {n} clients …", file=sys.stderr)
                rounds = [
                    [await measure(neighbours, side, kind, n, plan.duration_s) for side in sides]
                    for _ in range(plan.n_rounds)
                ]
                summed = (sum_up(each) for each in zip(*rounds, strict=True))
                compared.append(Comparison(kind, n, *summed))
    return compared


def make_report(comparisons: Sequence[Comparison], n_rounds: int) -> str:
    """Return table and goals in Markdown."""
    rows = [row for each in comparisons for row in _make_rows(each)]
    judged = [each for each in comparisons if each.n_clients == N_CLIENTS_OF_GOALS]
    said = f"{describe_machine()}; medians of {n_rounds} rounds."
    goals = "\n".join(map(_judge, judged))
    return f"{said}\n\n{make_table([*_HEAD, 'ratio', 'CPU ms', 'ratio'], rows)}\n\n{goals}"


def _make_rows(comparison: Comparison) -> Iterator[list[str]]:
    theirs, ours, ratios = map(astuple, (comparison.theirs, comparison.ours, comparison.ratios))
    cells = [cell for value in theirs for cell in (_format(value), "1")]
    yield [comparison.kind.value, str(comparison.n_clients), "ScanHub's way", *cells]
    pairs = zip(map(_format, ours), (f"{ratio:.2f}" for ratio in ratios), strict=True)
    yield ["", "", "ours", *(cell for pair in pairs for cell in pair)]


def _format(value: float) -> str:
    # Three significant digits.
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _judge(comparison: Comparison) -> str:
    ratios = comparison.ratios
    is_fast = _say(is_met=ratios.per_s >= MIN_THROUGHPUT_RATIO)
    is_prompt = _say(is_met=ratios.p99_ms <= MAX_P99_RATIO)
    return (
        f"- {comparison.kind.value}, {comparison.n_clients} clients: {ratios.per_s:.1f} times the"
        f" answers of a core (goal ≥ {MIN_THROUGHPUT_RATIO:.0f}: {is_fast}), {ratios.p99_ms:.2f}"
        f" of the p99 (goal ≤ {MAX_P99_RATIO}: {is_prompt})."
    )


def _say(*, is_met: bool) -> str:
    return "met" if is_met else "**not met**"


def run(is_quick: bool) -> str:
    """Measure everything and return the report."""
    plan = QUICK if is_quick else Plan()
    return make_report(asyncio.run(compare(plan)), plan.n_rounds)


if __name__ == "__main__":
    run_command(run, "requests")
