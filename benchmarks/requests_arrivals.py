"""Starts of scans at times of their own (Poisson), and environments that are started for them.

As Lambda does, a request gets an execution environment that is free, or else one that is started:
its function is imported, and its clients are made, while the caller waits. Lambda's own way to
there is not in it. There, each has a processor of its own; here, all share two.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks.report import percentile
from benchmarks.requests_sides import (
    Kind,
    Streams,
    call_environment,
    connect,
    find_old,
    run_server,
    start_environments,
)
from local.config import ROOT

ARRIVALS_HEAD = ["arrivals/s", "side", "requests", "cold", "median ms", "ratio", "p99 ms", "ratio"]
# None that a warm request was about.
_NUMBERS = count(1_000_000)
_SEED = 24
# As a function's concurrency may have a bound on Lambda; here, starts without end would share two
# cores.
MAX_N_ENVIRONMENTS = 10


@dataclass
class Pool:
    """Execution environments: those that are free, and how many were started.

    Parameters
    ----------
    path
        The socket at which each connection starts one.
    """

    path: str
    free: list[Streams] = field(default_factory=list)
    n_started: int = 0
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_N_ENVIRONMENTS))

    async def call(self, kind: Kind, id_: str) -> None:
        """Send a request to one that is free, or to a new one; wait if there are very many."""
        async with self._turns:
            if self.free:
                # The one that was used last, so that others are not needed any more.
                streams = self.free.pop()
            else:
                self.n_started += 1
                streams = await connect(self.path)
            await call_environment(streams, kind, id_)
            self.free.append(streams)


def draw_arrivals(rate_per_s: float, duration_s: float) -> list[float]:
    """Return the times of arrivals [s], the same at each call."""
    chance = random.Random(_SEED)  # noqa: S311 - the same for all sides
    times, at_s = [], chance.expovariate(rate_per_s)
    while at_s < duration_s:
        times.append(at_s)
        at_s += chance.expovariate(rate_per_s)
    return times


async def send_arrivals(
    call: Callable[[Kind, str], Awaitable[None]], times_s: Sequence[float]
) -> list[float]:
    """Start a scan at each of these times, and return how long each start took [ms]."""
    begun_s = time.perf_counter()

    async def send(at_s: float) -> float:
        await asyncio.sleep(begun_s + at_s - time.perf_counter())
        await call(Kind.SCAN, Kind.SCAN.make_id(next(_NUMBERS)))
        return (time.perf_counter() - begun_s - at_s) * 1e3

    return list(await asyncio.gather(*map(send, times_s)))


async def measure_arrivals(
    environ: Mapping[str, str], cores: str, rates_per_s: Sequence[float], duration_s: float
) -> list[list[str]]:
    """Return the rows of all rates; each begins with no environment."""
    rows = []
    for rate in rates_per_s:
        print(f"{rate} arrivals a second …", file=sys.stderr)
        times_s = draw_arrivals(rate, duration_s)
        async with run_server(environ, cores, 1) as theirs:
            found = {"ScanHub's way": (await send_arrivals(theirs.callers[0], times_s), 0)}
        checkouts: dict[str, Path | None] = {"ours": ROOT, "ours, older": find_old()}
        for name, checkout in checkouts.items():
            if checkout is None:
                continue
            async with start_environments(environ, cores, 0, checkout) as (path, _):
                pool = Pool(path)
                found[name] = await send_arrivals(pool.call, times_s), pool.n_started
        rows += _make_rows(rate, found)
    return rows


def _make_rows(rate_per_s: float, found: Mapping[str, tuple[list[float], int]]) -> list[list[str]]:
    rows: list[list[str]] = []
    first: list[float] = []
    for name, (latencies_ms, n_started) in found.items():
        figures = [percentile(latencies_ms, percent) for percent in (50, 99)]
        first = first or figures
        pairs = zip(figures, first, strict=True)
        cells = [cell for own, other in pairs for cell in (f"{own:.0f}", f"{own / other:.2f}")]
        head = [f"{rate_per_s:g}" if not rows else "", name]
        rows.append([*head, str(len(latencies_ms)), str(n_started or ""), *cells])
    return rows
