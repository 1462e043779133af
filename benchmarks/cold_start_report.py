"""The report of `benchmarks.cold_start`: a table, and the goals."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cold_start_functions import EVENT, HTTP
from benchmarks.report import describe_machine, make_table

MAX_TIME_RATIO: Mapping[str, float] = {HTTP: 0.50, EVENT: 0.40}
MAX_MEMORY_RATIO = 0.60
MAX_ZIP_MB = 12.0


@dataclass(frozen=True)
class Row:
    """The medians of one function.

    Attributes
    ----------
    name, kind
        Of the function.
    wall_ms, cpu_ms
        From the interpreter's first line until the first call can be made [ms].
    rss_mb
        Resident memory then [MB].
    n_modules
        Modules imported until then.
    init_ms, init_cpu_ms
        The emulator's init phase, and the processor time of its process [ms].
    zip_mb
        What is deployed, layer and function [MB].
    """

    name: str
    kind: str
    wall_ms: float
    cpu_ms: float
    rss_mb: float
    n_modules: int
    init_ms: float
    init_cpu_ms: float
    zip_mb: float


_MEASURES: Mapping[str, Callable[[Row], float]] = {
    "ms": lambda row: row.wall_ms,
    "CPU ms": lambda row: row.cpu_ms,
    "RIE ms": lambda row: row.init_ms,
    "RIE CPU ms": lambda row: row.init_cpu_ms,
    "MB": lambda row: row.rss_mb,
}
_HEAD = ["function", "kind", *(cell for name in _MEASURES for cell in (name, "ratio"))]
_HEAD += ["modules", "zip MB"]


def make_report(
    rows: Sequence[Row],
    reference: Row,
    others: Sequence[Row],
    bare: tuple[float, float, float],
    n_runs: int,
) -> str:
    """Return the report in Markdown.

    Parameters
    ----------
    rows
        Our functions.
    reference
        What their ratios are of.
    others
        Other references, in the table only.
    bare
        Wall time [ms], CPU time [ms] and memory [MB] of an interpreter that does nothing.
    n_runs
        Number of processes that each was measured in.
    """
    wall_ms, cpu_ms, rss_mb = bare
    lines = [_make_line(row, reference) for row in (reference, *others, *rows)]
    return "\n\n".join(
        [
            f"{describe_machine()}; medians of {n_runs} processes each. An interpreter that does "
            f"nothing takes {wall_ms:.0f} ms, {cpu_ms:.0f} ms of CPU and {rss_mb:.0f} MB; the "
            "times do not include it, those of the emulator (RIE) do.",
            make_summary(rows, reference),
            make_table(_HEAD, lines),
        ]
    )


def make_summary(rows: Sequence[Row], reference: Row) -> str:
    """Return what the kinds take in units of the reference, beside what was aimed at.

    Parameters
    ----------
    rows
        Our functions.
    reference
        What their ratios are of; zip files are judged by their size.
    """
    lines = []
    for kind, max_time_ratio in MAX_TIME_RATIO.items():
        for name, measure in _MEASURES.items():
            ratios = {row.name: _ratio(row, reference, measure) for row in rows if row.kind == kind}
            goal = MAX_MEMORY_RATIO if name == "MB" else max_time_ratio
            if ratios:
                lines.append([f"{kind}: {name}, ratio", *_judge(ratios, goal)])
    sizes = {row.name: row.zip_mb for row in rows}
    lines.append(["layer + function: zip MB", *_judge(sizes, MAX_ZIP_MB)])
    return make_table(["", "median", "worst", "goal", "reached by"], lines)


def _judge(values: Mapping[str, float], goal: float) -> list[str]:
    """Return the median, the worst with its name, the goal, and how many reach it."""
    worst = max(values, key=lambda name: values[name])
    n_reached = sum(value <= goal for value in values.values())
    median = f"{statistics.median(values.values()):.2f}"
    named = f"{values[worst]:.2f} ({worst})"
    return [median, named, f"{goal:.2f}", f"{n_reached} of {len(values)}"]


def _ratio(row: Row, reference: Row, measure: Callable[[Row], float]) -> float:
    return measure(row) / measure(reference)


def _make_line(row: Row, reference: Row) -> list[str]:
    cells = [row.name, row.kind]
    for measure in _MEASURES.values():
        cells += [f"{measure(row):.0f}", f"{_ratio(row, reference, measure):.2f}"]
    return [*cells, str(row.n_modules), f"{row.zip_mb:.1f}"]
