"""The report of `benchmarks.requests`: a table, and the goals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.report import describe_machine, make_table
from benchmarks.requests_load import Figures, Load

MIN_THROUGHPUT_RATIO = 5.0
MAX_P99_RATIO = 0.2
MAX_OVERHEAD_RATIO = 0.36
N_CLIENTS_OF_GOALS = 10

_HEAD = [
    "request",
    "clients",
    "side",
    "answers/s",
    "ratio",
    "median ms",
    "ratio",
    "p99 ms",
    "ratio",
]
_HEAD += ["CPU ms", "ratio"]


@dataclass(frozen=True)
class Comparison:
    """Both sides under one load.

    Attributes
    ----------
    load
        The load.
    ours, theirs
        What was seen of our functions, and of the server built ScanHub's way.
    """

    load: Load
    ours: Figures
    theirs: Figures

    @property
    def throughput_ratio(self) -> float:
        """Answers of ours for one of theirs, on the same core."""
        return self.ours.throughput_per_s / self.theirs.throughput_per_s

    @property
    def p99_ratio(self) -> float:
        """Our 99th percentile of the latency, theirs being 1."""
        return self.ours.p99_ms / self.theirs.p99_ms


@dataclass(frozen=True)
class Overhead:
    """Processor time of a POST around the use case: medians.

    Attributes
    ----------
    ours_us, reference_us
        Of our handler, and of the Lambda that everybody writes [µs].
    """

    ours_us: float
    reference_us: float

    @property
    def ratio(self) -> float:
        """Ours, the reference's being 1."""
        return self.ours_us / self.reference_us


def make_report(
    comparisons: Sequence[Comparison], overhead: Overhead, n_rounds: int, today: str | None = None
) -> str:
    """Return table and goals in Markdown.

    Parameters
    ----------
    comparisons
        One for each load.
    overhead
        Of a POST.
    n_rounds
        Of how many the medians are.
    today
        Machine and day; this machine and today if not given.
    """
    rows = [row for each in comparisons for row in _make_rows(each)]
    machine = today or describe_machine()
    goals = "\n".join(_judge(comparisons, overhead))
    return f"{machine}; medians of {n_rounds} rounds.\n\n{make_table(_HEAD, rows)}\n\n{goals}"


def _make_rows(comparison: Comparison) -> Iterator[list[str]]:
    theirs, ours = _measures(comparison.theirs), _measures(comparison.ours)
    name, clients = comparison.load.kind.value, str(comparison.load.n_clients)
    theirs_cells = [cell for value in theirs for cell in (_format(value), "1")]
    yield [name, clients, "ScanHub's way", *theirs_cells]
    pairs = zip(ours, theirs, strict=True)
    cells = [cell for mine, other in pairs for cell in (_format(mine), f"{mine / other:.2f}")]
    yield ["", "", "ours", *cells]


def _measures(figures: Figures) -> tuple[float, ...]:
    return figures.throughput_per_s, figures.median_ms, figures.p99_ms, figures.cpu_ms


def _format(value: float) -> str:
    # Three digits, whatever the size.
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _judge(comparisons: Sequence[Comparison], overhead: Overhead) -> Iterator[str]:
    for each in comparisons:
        if each.load.n_clients == N_CLIENTS_OF_GOALS:
            is_fast = _say(is_met=each.throughput_ratio >= MIN_THROUGHPUT_RATIO)
            is_prompt = _say(is_met=each.p99_ratio <= MAX_P99_RATIO)
            yield (
                f"- {each.load.kind.value}, {N_CLIENTS_OF_GOALS} clients: "
                f"{each.throughput_ratio:.1f} times the answers of a core "
                f"(goal ≥ {MIN_THROUGHPUT_RATIO:.0f}: {is_fast}), "
                f"{each.p99_ratio:.2f} of the p99 (goal ≤ {MAX_P99_RATIO}: {is_prompt})."
            )
    verdict = _say(is_met=overhead.ratio <= MAX_OVERHEAD_RATIO)
    yield (
        f"- Around the use case, a POST takes {overhead.ours_us:.0f} µs of processor time, that of "
        f"the reference {overhead.reference_us:.0f} µs: {overhead.ratio:.2f} (goal ≤ "
        f"{MAX_OVERHEAD_RATIO}: {verdict})."
    )


def _say(*, is_met: bool) -> str:
    return "met" if is_met else "**not met**"
