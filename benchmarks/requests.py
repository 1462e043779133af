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
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from itertools import count

from benchmarks.report import describe_machine, make_table, percentile, run_command, take_medians
from benchmarks.requests_neighbours import SCAN, make_environ, make_id, run_neighbours
from benchmarks.requests_sides import Caller, Kind, Side, run_environments, run_server
from local.config import StackConfig, StackError, aws_environ

# Each request is for a new workflow.
_NUMBERS = count(1)
_HEAD = ["request", "clients", "side"]
_HEAD += ["answers/s", "ratio", "median ms", "ratio", "p99 ms", "ratio", "CPU ms", "ratio"]


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


async def warm_up(side: Side) -> None:
    """Let each client send all kinds of requests twice, so that nothing is built later."""
    for caller in side.callers:
        for kind in [*Kind, *Kind]:
            await _call(caller, kind)


async def measure(
    side: Side, kind: Kind, n_clients: int, duration_s: float
) -> tuple[Figures, list[float]]:
    """Return the figures of one round of so many clients, and all latencies [ms]."""
    before_s, started_s = side.read_cpu_s(), time.perf_counter()

    async def ask(caller: Caller) -> list[float]:
        latencies_ms = [await _call(caller, kind)]
        while time.perf_counter() < started_s + duration_s:
            latencies_ms.append(await _call(caller, kind))
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


async def _call(caller: Caller, kind: Kind) -> float:
    task_id = make_id(next(_NUMBERS), SCAN)
    started_s = time.perf_counter()
    await caller(kind, task_id)
    return (time.perf_counter() - started_s) * 1e3


def sum_up(rounds: Sequence[tuple[Figures, list[float]]]) -> Figures:
    """Return the medians of rounds of the same side and load, the p99 of all their requests."""
    every_ms = [each for _, latencies_ms in rounds for each in latencies_ms]
    medians = take_medians([figures for figures, _ in rounds])
    return replace(medians, p99_ms=percentile(every_ms, 99))


async def compare(plan: Plan) -> list[list[str]]:
    """Return the rows of what both sides do under all loads, taking turns.

    Raises
    ------
    StackError
        This machine cannot pin processes to two cores.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        raise StackError("Linux and two cores are needed: one is for what is measured alone.")
    os.sched_setaffinity(0, {cores[0]})
    rows: list[list[str]] = []
    async with run_neighbours() as port:
        environ = aws_environ(StackConfig(aws_port=port)) | make_environ(port)
        known = environ, cores[1], max(plan.n_clients)
        async with run_server(*known) as theirs, run_environments(*known) as ours:
            sides = theirs, ours
            for side in sides:
                await warm_up(side)
            for kind, n in ((kind, n) for kind in Kind for n in plan.n_clients):
                print(f"{kind.value}, {n} clients …", file=sys.stderr)
                rounds = [
                    [await measure(side, kind, n, plan.duration_s) for side in sides]
                    for _ in range(plan.n_rounds)
                ]
                rows += make_rows(kind, n, *(sum_up(each) for each in zip(*rounds, strict=True)))
    return rows


def make_rows(kind: Kind, n_clients: int, theirs: Figures, ours: Figures) -> list[list[str]]:
    """Return a row for each side; ratios are to ScanHub's way."""
    pairs = list(zip(astuple(theirs), astuple(ours), strict=True))
    cells = [cell for other, _ in pairs for cell in (_format(other), "1")]
    mine = [cell for other, own in pairs for cell in (_format(own), f"{own / other:.2f}")]
    return [[kind.value, str(n_clients), "ScanHub's way", *cells], ["", "", "ours", *mine]]


def _format(value: float) -> str:
    # Three significant digits.
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def run(is_quick: bool) -> str:
    """Measure everything and return the report."""
    plan = QUICK if is_quick else Plan()
    rows = asyncio.run(compare(plan))
    return f"{describe_machine()}; medians of {plan.n_rounds} rounds.\n\n{make_table(_HEAD, rows)}"


if __name__ == "__main__":
    run_command(run, "requests")
