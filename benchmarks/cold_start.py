"""Cold start of every function, beside the Lambda that everybody writes.

    make benchmark-cold-start [QUICK=1] [WRITE=1]

Every function of the built artefact is started in fresh processes, and the reference of
`benchmarks/reference` with them, all taking turns, so that a busy machine slows all alike. First in
plain interpreters that know what Lambda's know: from the interpreter's first line until the handler
is imported and the client of its first call is ready. Then in AWS's Runtime Interface Emulator,
whose own word for the init phase counts; the interpreter and the runtime client are in it. No stack
is needed, for nothing is called. WRITE=1 puts table and chart into docs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.chart import Bar, draw_bars
from benchmarks.cold_start_functions import Starter, list_functions, read_template
from benchmarks.cold_start_reference import build_reference
from benchmarks.cold_start_report import Row, make_report
from benchmarks.report import replace_block
from local.config import ROOT, StackConfig, StackError
from local.processes import Processes
from local.runtime import RuntimeEmulator, link_runtime_client, make_environ
from tools.build import build
from tools.layer import LAYER, measure_size

N_RUNS, N_QUICK_RUNS = 15, 3
QUICK_NAMES = {"hello", "get_workflow", "trigger_task", "trigger_airflow", "authorize_request"}
PAGE = ROOT / "docs" / "performance.md"
CHART = ROOT / "docs" / "pictures" / "cold_start.svg"
_RUNNER = Path(__file__).with_name("cold_start_runner.py")
_INTERPRETER = (sys.executable, "-S", "-s", "-P", str(_RUNNER))
_RUN_TIMEOUT_S = 60
ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class Start:
    """One fresh process, or the medians of several.

    Attributes
    ----------
    wall_s, cpu_s
        Duration, and time on processors [s].
    rss_bytes
        Resident memory afterwards [bytes].
    n_modules
        Modules that were imported.
    """

    wall_s: float
    cpu_s: float
    rss_bytes: float = 0
    n_modules: float = 0


class Bench:
    """Starts functions.

    Parameters
    ----------
    folder
        For the runtime client, and the emulator's logs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._client_folder = link_runtime_client(folder / "runtime")

    def start(self, starter: Starter) -> Start:
        """Start a function in a plain interpreter."""
        environ = make_environ(
            starter.function, starter.task_root, starter.layer, self._client_folder
        )
        module = starter.function.handler.partition(".")[0]
        return Start(**_run([module], starter.task_root, environ))

    def emulate(self, starter: Starter) -> Start:
        """Start a function in the emulator; nobody's event lets it be initialized.

        Raises
        ------
        StackError
            It cannot be imported.
        """
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        with RuntimeEmulator(
            starter.function, starter.task_root, starter.layer, folder
        ) as emulator:
            emulator.invoke({})
            if not emulator.has_initialized:
                raise StackError(f"{starter.name} does not start: {emulator.read_log()}")
            return Start(emulator.read_init_duration_s(), emulator.measure_usage().cpu_s)


def start_bare(_: str) -> Start:
    """Start the interpreter alone, to its end."""
    started_s = time.perf_counter()
    numbers = _run([], ROOT, {})
    return Start(**numbers | {"wall_s": time.perf_counter() - started_s})


def _run(arguments: Sequence[str], folder: Path, environ: dict[str, str]) -> dict[str, float]:
    answer = subprocess.run(  # noqa: S603 - our own words, no shell
        [*_INTERPRETER, *arguments],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_RUN_TIMEOUT_S,
        check=True,
    )
    # A function may print while it starts.
    numbers: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return numbers


def take_turns(
    items: Sequence[ItemT], measure: Callable[[ItemT], Start], n_runs: int, n_unmeasured: int = 0
) -> list[Start]:
    """Measure each item once in every round, and return each one's medians.

    Parameters
    ----------
    items
        What is measured.
    measure
        Measures one in one fresh process.
    n_runs
        Number of rounds.
    n_unmeasured
        Rounds before them that only fill the page cache.
    """
    rounds = []
    for i in range(n_unmeasured + n_runs):
        rounds.append([measure(item) for item in items])
        print(f"{measure.__name__}: {i + 1} of {n_unmeasured + n_runs}", file=sys.stderr)
    by_item = zip(*rounds[n_unmeasured:], strict=True)
    return [take_median(starts) for starts in by_item]


def take_median(starts: Sequence[Start]) -> Start:
    """Return the medians of several processes, each number by itself."""
    return Start(*map(statistics.median, zip(*map(astuple, starts), strict=True)))


def measure(starters: Sequence[Starter], n_runs: int, folder: Path) -> list[Row]:
    """Start everything and return a row for each."""
    bench = Bench(folder)
    plain = take_turns(starters, bench.start, n_runs, n_unmeasured=1)
    emulated = take_turns(starters, bench.emulate, n_runs)
    layers = {
        each.layer: measure_size(each.layer).zip_bytes for each in starters if each.layer.is_dir()
    }
    return [
        Row(
            name=starter.name,
            kind=starter.kind,
            wall_ms=start.wall_s * 1e3,
            cpu_ms=start.cpu_s * 1e3,
            rss_mb=start.rss_bytes / 1e6,
            n_modules=round(start.n_modules),
            init_ms=runtime.wall_s * 1e3,
            init_cpu_ms=runtime.cpu_s * 1e3,
            zip_mb=(measure_size(starter.task_root).zip_bytes + layers.get(starter.layer, 0)) / 1e6,
        )
        for starter, start, runtime in zip(starters, plain, emulated, strict=True)
    ]


def list_starters(config: StackConfig, *, is_quick: bool) -> tuple[list[Starter], list[Starter]]:
    """Build what has changed and return the references, and our functions."""
    for name in ("run", "log"):
        (config.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    processes = Processes(config.folder)
    template = read_template(build(config, processes))
    references = build_reference(config.build_folder.with_name("reference"), processes)
    functions = list_functions(template, config.build_folder, config.build_folder / LAYER)
    chosen = [each for each in functions if not is_quick or each.name in QUICK_NAMES]
    return references, chosen


def draw(rows: Sequence[Row], reference: Row) -> None:
    """Draw the chart."""
    bars = [
        Bar(row.name, row.kind, (row.wall_ms / reference.wall_ms, row.rss_mb / reference.rss_mb))
        for row in rows
    ]
    draw_bars(
        CHART,
        bars,
        titles=("Time until the first call can be made", "Memory then"),
        label="reference = 1: FastAPI, Mangum, Powertools with X-Ray, boto3",
    )


def main(*, is_quick: bool, is_written: bool) -> None:
    """Measure, print the report, and put it where the docs have it."""
    n_runs = N_QUICK_RUNS if is_quick else N_RUNS
    references, functions = list_starters(StackConfig.from_environ(), is_quick=is_quick)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure([*references, *functions], n_runs, Path(folder))
        [bare] = take_turns([""], start_bare, n_runs, n_unmeasured=1)
    reference, others = rows[0], rows[1 : len(references)]
    ours = rows[len(references) :]
    bare_row = (bare.wall_s * 1e3, bare.cpu_s * 1e3, bare.rss_bytes / 1e6)
    report = make_report(ours, reference, others, bare_row, n_runs)
    print(report)
    if is_written:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(replace_block(text, "cold_start", report), encoding="utf-8")
        draw(ours, reference)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--quick", action="store_true", help="five functions, three processes")
    chosen.add_argument("--write", action="store_true", help="put table and chart into docs")
    options = parser.parse_args()
    try:
        main(is_quick=options.quick, is_written=options.write)
    except (StackError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
