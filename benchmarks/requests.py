"""Requests: our functions beside a server that is built like ScanHub's workflow-manager.

    make benchmark-requests [QUICK=1] [WRITE=1] [OLD=folder]

The first table's requests are warm. Those of the second come when they come, whether others are
answered or not. ``OLD`` names an older checkout, whose functions take turns with ours. The
processes of the side that is measured run on one core, neighbours and clients on another.
docs/performance.md says what is measured and what is left out.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import astuple, dataclass, replace
from itertools import count

from benchmarks.report import describe_machine, make_table, percentile, run_command, take_medians
from benchmarks.requests_arrivals import ARRIVALS_HEAD, measure_arrivals
from benchmarks.requests_environment import FLOOR
from benchmarks.requests_neighbours import make_environ, run_neighbours
from benchmarks.requests_sides import Caller, Kind, Side, find_old, run_environments, run_server
from local.config import StackConfig, StackError, aws_environ

# Each request is about something new.
_NUMBERS = count(1)
_HEAD = ["request", "clients", "side"]
_HEAD += ["answers/s", "ratio", "median ms", "ratio", "p99 ms", "ratio", "CPU ms", "ratio"]


@dataclass(frozen=True)
class Plan:
    """How many clients ask at once, how often and for how long [s], and how many come a second."""

    n_clients: Sequence[int] = (1, 10)
    n_rounds: int = 5
    duration_s: float = 1.5
    rates_per_s: Sequence[float] = (1, 4)
    arrivals_s: float = 15.0


QUICK = Plan(n_rounds=2, duration_s=1.0, rates_per_s=(2,), arrivals_s=5.0)


@dataclass(frozen=True)
class Figures:
    """A side under one load: answers per core, latency, and processor time of a request."""

    per_s: float
    median_ms: float
    p99_ms: float
    cpu_ms: float


async def warm_up(side: Side, kinds: Sequence[Kind]) -> None:
    """Let each client send all kinds of requests twice, so that nothing is built later."""
    for kind in [*kinds, *kinds]:
        await asyncio.gather(*(_call(caller, kind) for caller in side.callers))


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
    id_ = kind.make_id(next(_NUMBERS))
    started_s = time.perf_counter()
    await caller(kind, id_)
    return (time.perf_counter() - started_s) * 1e3


def sum_up(rounds: Sequence[tuple[Figures, list[float]]]) -> Figures:
    """Return the medians of rounds of the same side and load, the p99 of all their requests."""
    every_ms = [each for _, latencies_ms in rounds for each in latencies_ms]
    medians = take_medians([figures for figures, _ in rounds])
    return replace(medians, p99_ms=percentile(every_ms, 99))


async def compare(plan: Plan) -> str:
    """Return the tables of what all sides do under all loads, taking turns.

    Raises
    ------
    StackError
        This machine cannot pin processes to two cores.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        raise StackError("Linux and two cores are needed: one is for what is measured alone.")
    os.sched_setaffinity(0, {cores[0]})
    async with run_neighbours() as port:
        environ = aws_environ(StackConfig(aws_port=port)) | make_environ(port)
        async with run_sides(environ, str(cores[1]), max(plan.n_clients)) as sides:
            rows = await compare_warm(plan, sides)
        both = f"{cores[0]},{cores[1]}"
        arrivals = await measure_arrivals(environ, both, plan.rates_per_s, plan.arrivals_s)
    return f"{make_table(_HEAD, rows)}\n\n{make_table(ARRIVALS_HEAD, arrivals)}"


@asynccontextmanager
async def run_sides(
    environ: Mapping[str, str], cores: str, n_clients: int
) -> AsyncIterator[dict[Kind, list[Side]]]:
    """Run all sides; the first of each kind is the one that others are compared with."""
    known = environ, cores, n_clients
    async with AsyncExitStack() as stack:
        theirs = await stack.enter_async_context(run_server(*known))
        floor = await stack.enter_async_context(run_environments(*known, "floor", module=FLOOR))
        mine = [await stack.enter_async_context(run_environments(*known))]
        if old := find_old():
            older = run_environments(*known, "ours, older", old)
            mine.append(await stack.enter_async_context(older))
        others = {kind: floor if kind is Kind.OBJECT else theirs for kind in Kind}
        sides = {kind: [other, *mine] for kind, other in others.items()}
        for side in (theirs, floor, *mine):
            await warm_up(side, [kind for kind, some in sides.items() if side in some])
        yield sides


async def compare_warm(plan: Plan, sides: Mapping[Kind, Sequence[Side]]) -> list[list[str]]:
    """Return the rows of all kinds of requests and numbers of clients."""
    rows: list[list[str]] = []
    for kind, n in ((kind, n) for kind in Kind for n in plan.n_clients):
        print(f"{kind.value}, {n} clients …", file=sys.stderr)
        rounds = [
            [await measure(side, kind, n, plan.duration_s) for side in sides[kind]]
            for _ in range(plan.n_rounds)
        ]
        figures = [sum_up(each) for each in zip(*rounds, strict=True)]
        names = [side.name for side in sides[kind]]
        rows += make_rows(kind, n, dict(zip(names, figures, strict=True)))
    return rows


def make_rows(kind: Kind, n_clients: int, sides: Mapping[str, Figures]) -> list[list[str]]:
    """Return a row for each side; ratios are to the first one."""
    first = next(iter(sides.values()))
    rows = []
    for name, figures in sides.items():
        pairs = zip(astuple(first), astuple(figures), strict=True)
        cells = [
            [_format(own), "1" if figures is first else f"{own / other:.2f}"]
            for other, own in pairs
        ]
        rows.append([*([kind.value, str(n_clients)] if figures is first else ["", ""]), name])
        rows[-1] += [cell for pair in cells for cell in pair]
    return rows


def _format(value: float) -> str:
    # Three significant digits.
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def run(is_quick: bool) -> str:
    """Measure everything and return the report."""
    plan = QUICK if is_quick else Plan()
    tables = asyncio.run(compare(plan))
    return f"{describe_machine()}; medians of {plan.n_rounds} rounds.\n\n{tables}"


if __name__ == "__main__":
    run_command(run, "requests")
