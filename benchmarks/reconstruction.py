"""The reconstruction beside NumPy, SigPy and BART, where installed, and an older checkout of ours.

All take turns, each in a process of its own, on the same files. ``OLD=folder`` in the environment
names the older checkout.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.child import Child
from benchmarks.report import describe_machine, make_table, run_command, take_medians

N_ROUNDS = 3
# Coils, partitions, and rows and columns; readouts have twice as many samples.
SCANS = {"2D, 32 coils, 512 x 512": (32, 1, 512), "3D, 8 coils, 48 x 192 x 192": (8, 48, 192)}
QUICK_SCANS = {"2D, 8 coils, 256 x 256": (8, 1, 256)}
HEAD = ("scan", "by", "s", "ratio", "CPU s", "MB", "ratio", "error")


@dataclass(frozen=True)
class Measurement:
    """One reconstruction: its time, memory, and largest difference over the maximum."""

    elapsed_s: float
    cpu_s: float
    peak_mb: float
    error: float = 0.0


def list_engines() -> dict[str, tuple[str, dict[str, str]]]:
    """Return each engine that is there by its title: its name, and its environment."""
    engines: dict[str, tuple[str, dict[str, str]]] = {"ours": ("ours", {}), "NumPy": ("NumPy", {})}
    if importlib.util.find_spec("sigpy"):
        engines["SigPy"] = ("SigPy", {})
    if shutil.which("bart"):
        engines["BART"] = ("BART", {})
    if old := os.environ.get("OLD"):
        engines["ours, older"] = ("ours", {"PYTHONPATH": str(Path(old) / "dags")})
    return engines


def run_engine(engine: str, folder: Path, *arguments: str, **environ: str) -> dict[str, float]:
    """Return what a fresh process tells."""
    with Child("reconstruction_engines", engine, str(folder), *arguments, **environ) as child:
        told: dict[str, float] = child.read()
        return told


def measure(is_quick: bool) -> str:
    """Return the report."""
    rows = []
    for scan, size in (QUICK_SCANS if is_quick else SCANS).items():
        with tempfile.TemporaryDirectory() as folder:
            # A process of its own, whose memory does not count as that of others.
            run_engine("write", Path(folder), *map(str, size))
            found = _measure_scan(Path(folder), 1 if is_quick else N_ROUNDS)
        ours = found["ours"]
        rows += [
            (
                scan if title == "ours" else "",
                title,
                f"{each.elapsed_s:.2f}",
                f"{each.elapsed_s / ours.elapsed_s:.2f}",
                f"{each.cpu_s:.2f}",
                f"{each.peak_mb:.0f}",
                f"{each.peak_mb / ours.peak_mb:.2f}",
                f"{each.error:.1e}" if each.error else "",
            )
            for title, each in found.items()
        ]
    n_rounds = 1 if is_quick else N_ROUNDS
    return f"{describe_machine()}; medians of {n_rounds} rounds.\n\n{make_table(HEAD, rows)}"


def _measure_scan(folder: Path, n_rounds: int) -> dict[str, Measurement]:
    measured: dict[str, list[Measurement]] = {}
    for _ in range(n_rounds):
        for title, (engine, environ) in list_engines().items():
            told = run_engine(engine, folder, title, **environ)
            measured.setdefault(title, []).append(Measurement(**told))
    errors = run_engine("compare", folder, *measured)
    return {
        title: replace(take_medians(all_rounds), error=errors[title])
        for title, all_rounds in measured.items()
    }


if __name__ == "__main__":
    run_command(measure, "reconstruction")
