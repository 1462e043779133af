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

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cold_start_reference import build_reference
from benchmarks.report import replace_block
from benchmarks.requests_load import Bench, Load, Round, sum_up
from benchmarks.requests_neighbours import make_environ, run_neighbours
from benchmarks.requests_report import Comparison, Overhead, make_report
from benchmarks.requests_sides import ROOT, Kind, Side, run_environments, run_server
from local.config import StackConfig, StackError, aws_environ, clean_environ
from local.processes import Processes

N_CLIENTS, N_QUICK_CLIENTS = (1, 10, 50), (1, 10)
N_ROUNDS, N_QUICK_ROUNDS = 3, 2
DURATION_S, QUICK_DURATION_S = 3.0, 1.0
N_POSTS, N_QUICK_POSTS = 2000, 500
PAGE = ROOT / "docs" / "performance.md"
# X-Ray's daemon, which is not there: Lambda's takes segments by UDP, and nobody waits for it.
XRAY_ADDRESS = "127.0.0.1:2000"


async def compare(n_clients: Sequence[int], n_rounds: int, duration_s: float) -> list[Comparison]:
    """Return what both sides do under all loads.

    Parameters
    ----------
    n_clients
        How many ask at once.
    n_rounds
        How often each load is measured.
    duration_s
        For how long requests are begun in a round [s].
    """
    clients_core, core = choose_cores()
    os.sched_setaffinity(0, {clients_core})
    async with run_neighbours() as neighbours:
        config = StackConfig(aws_port=neighbours.port)
        environ = aws_environ(config) | make_environ(neighbours)
        n_max = max(n_clients)
        async with (
            run_server(environ, core, n_max) as theirs,
            run_environments(environ, core, n_max, neighbours) as ours,
        ):
            bench = Bench(neighbours, duration_s)
            for side in (theirs, ours):
                await bench.warm_up(side)
            return [
                await _compare_one(bench, ours, theirs, Load(kind, n), n_rounds)
                for kind in Kind
                for n in n_clients
            ]


async def _compare_one(
    bench: Bench, ours: Side, theirs: Side, load: Load, n_rounds: int
) -> Comparison:
    print(f"{load.kind.value}, {load.n_clients} clients …", file=sys.stderr)
    rounds: dict[str, list[Round]] = {ours.name: [], theirs.name: []}
    for _ in range(n_rounds):
        for side in (theirs, ours):
            rounds[side.name].append(await bench.measure(side, load))
    return Comparison(load, sum_up(rounds[ours.name]), sum_up(rounds[theirs.name]))


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


def measure_overhead(n_rounds: int, n_posts: int) -> Overhead:
    """Return the processor time of a POST around the use case, of ours and of the reference.

    Parameters
    ----------
    n_rounds
        How many processes of each.
    n_posts
        How many requests in each.
    """
    config = StackConfig.from_environ()
    for name in ("run", "log"):
        (config.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    cache = config.build_folder.with_name("reference")
    [reference, *_] = build_reference(cache, Processes(config.folder))
    roots = {"reference": reference.task_root, "ours": ROOT / "layers" / "workflow_manager"}
    seen: dict[str, list[float]] = {side: [] for side in roots}
    for _ in range(n_rounds):
        for side, root in roots.items():
            seen[side].append(_measure_one(side, root, n_posts))
    return Overhead(statistics.median(seen["ours"]), statistics.median(seen["reference"]))


def _measure_one(side: str, root: Path, n_posts: int) -> float:
    command = [sys.executable, "-m", "benchmarks.requests_overhead", side, str(n_posts)]
    environ = clean_environ(
        **aws_environ(StackConfig()),
        PYTHONPATH=f"{root}:{ROOT}",
        # What tells Powertools that it is on Lambda, without which it does not trace.
        LAMBDA_TASK_ROOT="/var/task",
        AWS_LAMBDA_FUNCTION_NAME="function",
        AWS_LAMBDA_INITIALIZATION_TYPE="on-demand",
        AWS_XRAY_DAEMON_ADDRESS=XRAY_ADDRESS,
        POWERTOOLS_LOG_LEVEL="INFO",
    )
    done = subprocess.run(  # noqa: S603 - a module of this package
        command, env=environ, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return float(done.stdout)


def main(*, is_quick: bool, is_written: bool) -> tuple[list[Comparison], Overhead]:
    """Measure, print the report, put it where the docs have it, and return what it is made of."""
    n_rounds = N_QUICK_ROUNDS if is_quick else N_ROUNDS
    overhead = measure_overhead(n_rounds, N_QUICK_POSTS if is_quick else N_POSTS)
    n_clients = N_QUICK_CLIENTS if is_quick else N_CLIENTS
    duration_s = QUICK_DURATION_S if is_quick else DURATION_S
    comparisons = asyncio.run(compare(n_clients, n_rounds, duration_s))
    report = make_report(comparisons, overhead, n_rounds)
    print(report)
    if is_written:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(replace_block(text, "requests", report), encoding="utf-8")
    return comparisons, overhead


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--quick", action="store_true", help="1 and 10 clients, two short rounds")
    chosen.add_argument("--write", action="store_true", help="put the table into docs")
    options = parser.parse_args()
    try:
        main(is_quick=options.quick, is_written=options.write)
    except (StackError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
