"""Load the sides of the benchmark of requests, taking turns, and sum up what was seen."""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from benchmarks.requests_neighbours import Neighbours
from benchmarks.requests_sides import Caller, Kind, Side


@dataclass(frozen=True)
class Round:
    """What one round has seen.

    Attributes
    ----------
    duration_s
        From the first request to the last answer [s].
    cpu_s
        Processor time of all processes that answered [s].
    latencies_s
        Of each request [s].
    """

    duration_s: float
    cpu_s: float
    latencies_s: Sequence[float] = field(repr=False)

    @property
    def throughput_per_s(self) -> float:
        """Answers in a second, of one core."""
        return len(self.latencies_s) / self.duration_s


@dataclass(frozen=True)
class Load:
    """One kind of request by so many clients.

    Parameters
    ----------
    kind
        What is asked for.
    n_clients
        How many ask at once, each waiting for its answer.
    """

    kind: Kind
    n_clients: int


@dataclass(frozen=True)
class Figures:
    """A side under one load: medians over the rounds.

    Attributes
    ----------
    throughput_per_s
        Answers in a second, of one core.
    median_ms, p99_ms
        Latency [ms].
    cpu_ms
        Processor time of a request [ms].
    """

    throughput_per_s: float
    median_ms: float
    p99_ms: float
    cpu_ms: float


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that so many percent of all do not exceed.

    Parameters
    ----------
    values
        At least one, in any order.
    percent
        1 to 100 [%].
    """
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def sum_up(rounds: Sequence[Round]) -> Figures:
    """Return the medians of rounds of the same side and load, the p99 of all their requests."""
    median = statistics.median
    latencies_s = [latency_s for each in rounds for latency_s in each.latencies_s]
    return Figures(
        throughput_per_s=median(each.throughput_per_s for each in rounds),
        median_ms=median(percentile(each.latencies_s, 50) for each in rounds) * 1000,
        p99_ms=percentile(latencies_s, 99) * 1000,
        cpu_ms=median(each.cpu_s / len(each.latencies_s) for each in rounds) * 1000,
    )


class Bench:
    """Loads sides with requests about workflows that are new each time.

    Parameters
    ----------
    neighbours
        Where the workflows are.
    duration_s
        For how long requests are begun in a round [s].
    """

    def __init__(self, neighbours: Neighbours, duration_s: float) -> None:
        self._neighbours = neighbours
        self._duration_s = duration_s
        self._numbers: Iterator[int] = count(1)

    async def warm_up(self, side: Side) -> None:
        """Let each client of a side be answered all kinds twice, so that nothing is built later."""
        for caller in side.callers:
            for kind in [*Kind, *Kind]:
                await self._call(caller, kind)

    async def measure(self, side: Side, load: Load) -> Round:
        """Return one round of a side."""
        before_s = await side.read_cpu_s(load.n_clients)
        started_s = time.perf_counter()
        end_s = started_s + self._duration_s
        clients = side.callers[: load.n_clients]
        lists = await asyncio.gather(*(self._ask(each, load.kind, end_s) for each in clients))
        duration_s = time.perf_counter() - started_s
        cpu_s = await side.read_cpu_s(load.n_clients) - before_s
        return Round(duration_s, cpu_s, [each for latencies in lists for each in latencies])

    async def _ask(self, caller: Caller, kind: Kind, end_s: float) -> list[float]:
        latencies_s = [await self._call(caller, kind)]
        while time.perf_counter() < end_s:
            latencies_s.append(await self._call(caller, kind))
        return latencies_s

    async def _call(self, caller: Caller, kind: Kind) -> float:
        # A scan takes an odd number, a reconstruction an even one.
        number = next(self._numbers) * 2 - (kind is Kind.SCAN)
        if kind in (Kind.DAG, Kind.DAG_STARTED):
            self._neighbours.add_scanned(number)
        started_s = time.perf_counter()
        await caller.call(kind, number)
        return time.perf_counter() - started_s
