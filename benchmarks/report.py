"""Code that all benchmarks share: medians, tables, the machine, and where a report goes."""

from __future__ import annotations

import argparse
import math
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from local.config import ROOT, StackError

PERFORMANCE_PAGE = ROOT / "docs" / "performance.md"
MeasurementT = TypeVar("MeasurementT")


def take_medians(measurements: Sequence[MeasurementT]) -> MeasurementT:
    """Return the median of each number of some dataclasses."""
    made: Any = measurements
    by_number = zip(*map(astuple, made), strict=True)
    medians: MeasurementT = type(made[0])(*map(statistics.median, by_number))
    return medians


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that so many percent of all values do not exceed."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def make_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; all columns but the first hold numbers."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def describe_machine(today: date | None = None) -> str:
    """Return the machine and the day of a run."""
    today = today or date.today()
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", info.read_text()) if info.exists() else None
    cores = f"{os.cpu_count()} cores" + (f" ({found[1].strip()})" if found else "")
    version = ".".join(platform.python_version_tuple()[:2])
    day = f"{today.day} {today:%B %Y}"
    return f"{cores}, {platform.system()}, Python {version}, {platform.machine()}, {day}"


def replace_block(text: str, name: str, content: str) -> str:
    """Return a page with new content between its marks ``<!-- name -->`` and ``<!-- /name -->``.

    Raises
    ------
    ValueError
        The page does not have this block once.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    new = f"{begin}{content.strip()}\n{end}"
    made, n = re.subn(f"(?s){begin}.*?{end}", lambda _: new, text)
    if n != 1:
        raise ValueError(f"The page does not have the block {name} once.")
    return made


def write_blocks(page: Path, blocks: Mapping[str, str]) -> None:
    """Put reports between their marks."""
    text = page.read_text(encoding="utf-8")
    for name, content in blocks.items():
        text = replace_block(text, name, content)
    page.write_text(text, encoding="utf-8")


def run_command(measure: Callable[[bool], str], block: str = "") -> None:
    """Measure (``--quick``: shortly), print the report, and ``--write`` it between its marks."""
    parser = argparse.ArgumentParser()
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--quick", action="store_true", help="less of everything")
    if block:
        chosen.add_argument("--write", action="store_true", help="put the report into docs")
    options = parser.parse_args()
    try:
        report = measure(options.quick)
    except (StackError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
    print(report)
    if block and options.write:
        write_blocks(PERFORMANCE_PAGE, {block: report})
