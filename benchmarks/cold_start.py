"""Cold start of every function, beside a Lambda as most people write it.

    make benchmark-cold-start [OLD=folder] [QUICK=1] [WRITE=1]

Every function of the built artefact, and the reference of `benchmarks/reference`, start in fresh
plain interpreters with the paths that Lambda's have; so do those of an older checkout, which ``make
build`` has built. All take turns, so that a busy machine slows all alike. No stack is needed,
because nothing is called. docs/performance.md explains the columns.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.report import describe_machine, make_table, run_command, take_medians
from benchmarks.starters import Starter, build_all, list_built
from local.config import ROOT
from local.runtime import link_runtime_client, make_environ
from tools.layer import measure_size

N_RUNS, N_QUICK_RUNS = 7, 3
QUICK_NAMES = {"hello", "get_workflow", "trigger_task", "trigger_airflow", "authorize_request"}
_RUNNER = Path(__file__).with_name("cold_start_runner.py")
_INTERPRETER = (sys.executable, "-S", "-s", "-P", str(_RUNNER))
_RUN_TIMEOUT_S = 60
_HEAD = (
    *("function", "kind", "ms", "ratio", "CPU ms", "ratio", "of old", "MB", "ratio"),
    *("modules", "zip MB"),
)
_measure_zip = cache(lambda folder: measure_size(folder).zip_bytes / 1e6 if folder.is_dir() else 0)


@dataclass(frozen=True)
class Start:
    """A fresh process until its first call can be made, or the medians of several."""

    ms: float
    cpu_ms: float
    rss_mb: float
    n_modules: float


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


def measure(starters: Sequence[Starter], n_runs: int) -> list[Start]:
    """Start an interpreter alone, then each function, in every round; return their medians."""
    with tempfile.TemporaryDirectory() as folder:
        client_folder = link_runtime_client(Path(folder, "runtime"))
        rounds = []
        # The first round only fills the page cache.
        for i in range(1 + n_runs):
            starts = [run_interpreter(ROOT, {})]
            for each in starters:
                environ = make_environ(each.function, each.root, each.layer, client_folder)
                starts.append(run_interpreter(each.root, environ, "app"))
            rounds.append(starts)
            print(f"round {i + 1} of {1 + n_runs}", file=sys.stderr)
    return [take_medians(each) for each in zip(*rounds[1:], strict=True)]


def make_report(
    starters: Sequence[Starter], starts: Sequence[Start], n_runs: int, n_old: int = 0
) -> str:
    """Return the report in Markdown; ratios are to the first starter, the reference.

    Parameters
    ----------
    n_old
        How many of the last starters are those of an older checkout.
    """
    alone, *measured = starts
    n_ours = len(starters) - n_old
    old = {
        each.name: start for each, start in zip(starters[n_ours:], measured[n_ours:], strict=True)
    }
    rows = []
    for starter, start in zip(starters[:n_ours], measured, strict=False):
        ms, cpu_ms, rss_mb = (
            (f"{(value := getattr(start, name)):.0f}", f"{value / getattr(measured[0], name):.2f}")
            for name in ("ms", "cpu_ms", "rss_mb")
        )
        before = old.get(starter.name)
        of_old = f"{start.cpu_ms / before.cpu_ms:.2f}" if before else "-"
        zip_mb = _measure_zip(starter.root) + _measure_zip(starter.layer)
        row = [starter.name, starter.kind, *ms, *cpu_ms, of_old, *rss_mb]
        rows.append([*row, f"{start.n_modules:.0f}", f"{zip_mb:.1f}"])
    return (
        f"{describe_machine()}; medians of {n_runs} processes each. An interpreter that does "
        f"nothing takes {alone.cpu_ms:.0f} ms of CPU and {alone.rss_mb:.0f} MB; the times do not "
        f"include it.\n\n{make_table(_HEAD, rows)}"
    )


def compare(is_quick: bool) -> str:
    """Start all functions, or five of them, and return the report."""
    n_runs = N_QUICK_RUNS if is_quick else N_RUNS
    reference, *ours = build_all()
    old = list_built(Path(os.environ["OLD"]).absolute()) if os.environ.get("OLD") else []
    chosen, chosen_old = (
        [each for each in functions if not is_quick or each.name in QUICK_NAMES]
        for functions in (ours, old)
    )
    starters = [reference, *chosen, *chosen_old]
    return make_report(starters, measure(starters, n_runs), n_runs, len(chosen_old))


if __name__ == "__main__":
    run_command(compare, "cold_start")
