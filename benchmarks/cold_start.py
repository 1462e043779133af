"""Cold start of every function, beside a Lambda as most people write it.

    make benchmark-cold-start [QUICK=1] [WRITE=1]

Every function of the built artefact, and the reference of `benchmarks/reference`, start in fresh
processes. They take turns, so that a busy machine slows all alike: first in plain interpreters with
the paths that Lambda's have, then in AWS's Runtime Interface Emulator. No stack is needed, because
nothing is called. docs/performance.md explains the columns.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.report import describe_machine, make_table, run_command, take_medians
from benchmarks.starters import EVENT, HTTP, Starter, build_all
from local.config import ROOT, StackError
from local.runtime import RuntimeEmulator, link_runtime_client, make_environ
from tools.layer import measure_size

N_RUNS, N_QUICK_RUNS = 15, 3
QUICK_NAMES = {"hello", "get_workflow", "trigger_task", "trigger_airflow", "authorize_request"}
MAX_TIME_RATIO: Mapping[str, float] = {HTTP: 0.50, EVENT: 0.40}
MAX_MEMORY_RATIO = 0.60
MAX_ZIP_MB = 12.0
_RUNNER = Path(__file__).with_name("cold_start_runner.py")
_INTERPRETER = (sys.executable, "-S", "-s", "-P", str(_RUNNER))
_RUN_TIMEOUT_S = 60
ItemT = TypeVar("ItemT")
MeasuredT = TypeVar("MeasuredT")


@dataclass(frozen=True)
class Start:
    """A fresh process until its first call can be made, or the medians of several."""

    ms: float
    cpu_ms: float
    rss_mb: float
    n_modules: float


@dataclass(frozen=True)
class Init:
    """The emulator's init phase, and the time of its process on processors [ms]."""

    ms: float
    cpu_ms: float


@dataclass(frozen=True)
class Row:
    """What one function takes; `zip_mb` is the size of layer and function together [MB]."""

    name: str
    kind: str
    start: Start
    init: Init
    zip_mb: float


MEASURES: Mapping[str, Callable[[Row], float]] = {
    "ms": lambda row: row.start.ms,
    "CPU ms": lambda row: row.start.cpu_ms,
    "RIE ms": lambda row: row.init.ms,
    "RIE CPU ms": lambda row: row.init.cpu_ms,
    "MB": lambda row: row.start.rss_mb,
}


def run_interpreter(folder: Path, environ: Mapping[str, str], module: str = "") -> Start:
    """Import a module in a plain interpreter; without one, run it alone."""
    answer = subprocess.run(  # noqa: S603 - our own words, no shell
        [*_INTERPRETER, *filter(None, [module])],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_RUN_TIMEOUT_S,
        check=True,
    )
    # A function may print while it starts.
    return Start(**json.loads(answer.stdout.splitlines()[-1]))


def take_turns(
    items: Sequence[ItemT],
    measure: Callable[[ItemT], MeasuredT],
    n_runs: int,
    n_unmeasured: int = 0,
) -> list[MeasuredT]:
    """Measure each item once in every round, and return each one's medians.

    Parameters
    ----------
    n_unmeasured
        Rounds before the measured ones, which only fill the page cache.
    """
    rounds = []
    for i in range(n_unmeasured + n_runs):
        rounds.append([measure(item) for item in items])
        print(f"round {i + 1} of {n_unmeasured + n_runs}", file=sys.stderr)
    return [take_medians(each) for each in zip(*rounds[n_unmeasured:], strict=True)]


def measure(starters: Sequence[Starter], n_runs: int, folder: Path) -> list[Row]:
    """Start everything and return a row for each; raise if a function cannot be imported."""
    client_folder = link_runtime_client(folder / "runtime")

    def start(starter: Starter) -> Start:
        root, function = starter.root, starter.function
        environ = make_environ(function, root, starter.layer, client_folder)
        return run_interpreter(root, environ, function.handler.partition(".")[0])

    def emulate(starter: Starter) -> Init:
        own = Path(tempfile.mkdtemp(dir=folder))
        with RuntimeEmulator(starter.function, starter.root, starter.layer, own) as emulator:
            # An event from no caller makes the emulator initialize the function.
            emulator.invoke({})
            if not emulator.has_initialized:
                raise StackError(f"{starter.name} does not start: {emulator.read_log()}")
            cpu_ms = emulator.measure_usage().cpu_s * 1e3
            return Init(emulator.read_init_duration_s() * 1e3, cpu_ms)

    starts = take_turns(starters, start, n_runs, n_unmeasured=1)
    inits = take_turns(starters, emulate, n_runs)
    layers = {each.layer for each in starters if each.layer.is_dir()}
    sizes = {layer: measure_size(layer).zip_bytes for layer in layers}
    zips = [measure_size(each.root).zip_bytes + sizes.get(each.layer, 0) for each in starters]
    return [
        Row(starter.name, starter.kind, start_, init, zip_bytes / 1e6)
        for starter, start_, init, zip_bytes in zip(starters, starts, inits, zips, strict=True)
    ]


def run_bare(_: str) -> Start:
    """Run the interpreter alone, and measure it from the outside."""
    started_s = time.perf_counter()
    start = run_interpreter(ROOT, {})
    return Start((time.perf_counter() - started_s) * 1e3, start.cpu_ms, start.rss_mb, 0)


def make_report(references: Sequence[Row], ours: Sequence[Row], bare: Start, n_runs: int) -> str:
    """Return the report in Markdown; ratios are to the first reference."""
    head = ["function", "kind", *(cell for name in MEASURES for cell in (name, "ratio"))]
    lines = [_make_line(row, references[0]) for row in (*references, *ours)]
    return "\n\n".join(
        [
            f"{describe_machine()}; medians of {n_runs} processes each. An interpreter that does "
            f"nothing takes {bare.ms:.0f} ms, {bare.cpu_ms:.0f} ms of CPU and {bare.rss_mb:.0f} "
            "MB; the times do not include it, those of the emulator (RIE) do.",
            make_summary(ours, references[0]),
            make_table([*head, "modules", "zip MB"], lines),
        ]
    )


def make_summary(ours: Sequence[Row], reference: Row) -> str:
    """Return what each kind takes in units of the reference, beside the goal."""
    lines = []
    for kind, max_time_ratio in MAX_TIME_RATIO.items():
        rows = [row for row in ours if row.kind == kind]
        for name, take in MEASURES.items() if rows else ():
            ratios = {row.name: take(row) / take(reference) for row in rows}
            goal = MAX_MEMORY_RATIO if name == "MB" else max_time_ratio
            lines.append([f"{kind}: {name}, ratio", *_judge(ratios, goal)])
    sizes = {row.name: row.zip_mb for row in ours}
    lines.append(["layer + function: zip MB", *_judge(sizes, MAX_ZIP_MB)])
    return make_table(["", "median", "worst", "goal", "reached by"], lines)


def _judge(values: Mapping[str, float], goal: float) -> list[str]:
    """Return the median, the worst with its name, the goal, and how many reach it."""
    worst = max(values, key=lambda name: values[name])
    n_reached = sum(value <= goal for value in values.values())
    median = f"{statistics.median(values.values()):.2f}"
    named = f"{values[worst]:.2f} ({worst})"
    return [median, named, f"{goal:.2f}", f"{n_reached} of {len(values)}"]


def _make_line(row: Row, reference: Row) -> list[str]:
    cells = [row.name, row.kind]
    for take in MEASURES.values():
        cells += [f"{take(row):.0f}", f"{take(row) / take(reference):.2f}"]
    return [*cells, f"{row.start.n_modules:.0f}", f"{row.zip_mb:.1f}"]


def compare(is_quick: bool) -> str:
    """Start all functions, or five of them, and return the report."""
    n_runs = N_QUICK_RUNS if is_quick else N_RUNS
    references, functions = build_all()
    chosen = [each for each in functions if not is_quick or each.name in QUICK_NAMES]
    with tempfile.TemporaryDirectory() as folder:
        rows = measure([*references, *chosen], n_runs, Path(folder))
    [bare] = take_turns([""], run_bare, n_runs, n_unmeasured=1)
    return make_report(rows[: len(references)], rows[len(references) :], bare, n_runs)


if __name__ == "__main__":
    run_command(compare, "cold_start")
