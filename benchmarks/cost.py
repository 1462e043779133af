"""Cost of a scan and of a month at list prices, beside a server that is always on.

    make benchmark-cost [COUNT=1]

Nothing is measured but counted: `--count` walks through one scan with the real handlers on moto and
writes down every call (scan_counts.toml). Prices (prices.toml) and what a scan is assumed to be
(scan_profile.toml) are data too. `--write` puts the tables into docs/cost.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.cost_data import (
    COUNTS,
    Prices,
    Profile,
    ScanCounts,
    format_counts,
    load_counts,
    load_prices,
    load_profile,
)
from benchmarks.cost_model import (
    MONTH_DAYS,
    MONTH_HOURS,
    price_usage,
    use_control_plane,
    use_data_lake,
)
from benchmarks.cost_server import (
    choose_instances,
    find_break_even,
    use_one_server,
    use_two_servers,
)
from benchmarks.report import replace_block
from local.config import ROOT

DOC = ROOT / "docs" / "cost.md"
N_SCANS_PER_DAY = (10, 1_000, 100_000)
GROUPS = {
    "Lambda": ("lambda_arm64", "lambda_x86_64", "lambda_requests"),
    "API Gateway, its data out": ("api_requests", "data_out"),
    "DynamoDB": ("dynamodb_writes", "dynamodb_reads", "dynamodb_storage", "dynamodb_pitr"),
    "S3's calls by functions, SQS, EventBridge": (
        *("s3_writes", "s3_reads"),
        *("sqs_requests", "bus_events", "schedules"),
    ),
    "X-Ray": ("traces",),
    "Logs": ("log_ingestion", "log_storage"),
    "Metrics, alarms, dashboard": ("custom_metrics", "alarms", "dashboards"),
    "Key, secrets": ("keys", "key_requests", "secrets"),
}


class Estimate:
    """Costs of a month by the number of scans a day [USD].

    Parameters
    ----------
    prices, profile, counts
        The three files.
    """

    def __init__(self, prices: Prices, profile: Profile, counts: ScanCounts) -> None:
        self._prices, self._profile, self._counts = prices, profile, counts

    def ours(self, n_scans_per_day: float) -> dict[str, float]:
        """Return the control plane's, by group."""
        usage = use_control_plane(self._profile, self._counts, n_scans_per_day)
        costs = price_usage(self._prices, usage)
        return {group: sum(costs.get(name, 0) for name in names) for group, names in GROUPS.items()}

    def ours_in_sum(self, n_scans_per_day: float) -> float:
        """Return the control plane's."""
        return sum(self.ours(n_scans_per_day).values())

    def one_server(self, n_scans_per_day: float) -> float:
        """Return that of the cheapest server."""
        usage = use_one_server(self._profile, self._counts, n_scans_per_day)
        return sum(price_usage(self._prices, usage).values())

    def two_servers(self, n_scans_per_day: float) -> float:
        """Return that of servers in two zones."""
        usage = use_two_servers(self._profile, self._counts, n_scans_per_day)
        return sum(price_usage(self._prices, usage).values())

    def data_lake(self, n_scans_per_day: float) -> dict[str, float]:
        """Return that of raw data and results: storage, and what brings them in and out."""
        costs = price_usage(self._prices, use_data_lake(self._profile, n_scans_per_day))
        stored_usd = costs.pop("s3_storage")
        return {"kept": stored_usd, "moved": sum(costs.values())}

    def of_hours(self, name: str, n: int = 1) -> float:
        """Return that of something that is always on."""
        return n * self._prices.prices[name].cost(MONTH_HOURS)

    def describe_servers(self, n_scans_per_day: float, n_spare: int) -> str:
        """Return number and kind of the instances."""
        kind, n_instances = choose_instances(self._profile, self._counts, n_scans_per_day)
        return f"{n_instances + n_spare} of {kind.replace('_', '.')}"


def make_comparison(estimate: Estimate) -> str:
    """Return cost of a month and of a scan, ours and the servers', as a table in Markdown."""
    rows: list[tuple[str, Callable[[float], float]]] = [
        ("**workflow manager, serverless**", estimate.ours_in_sum),
        ("server in one zone", estimate.one_server),
        ("servers in two zones", estimate.two_servers),
    ]
    lines = [_row("USD a month", _columns()), "|---" * (1 + len(N_SCANS_PER_DAY)) + "|"]
    lines += [_row(name, [_usd(cost(n)) for n in N_SCANS_PER_DAY]) for name, cost in rows]
    instances = [_instances(estimate, n) for n in N_SCANS_PER_DAY]
    lines.append(_row("instances of these, one zone / two", instances))
    lines += [_row("**USD a scan**", [""] * len(N_SCANS_PER_DAY))]
    for name, cost in rows:
        per_scan = [_usd(cost(n) / (n * MONTH_DAYS)) for n in N_SCANS_PER_DAY]
        lines.append(_row(name, per_scan))
    lines.append(_row("**the same for all, USD a month**", [""] * len(N_SCANS_PER_DAY)))
    lakes = [estimate.data_lake(n) for n in N_SCANS_PER_DAY]
    lines.append(_row("raw data and results, kept", [_usd(lake["kept"]) for lake in lakes]))
    lines.append(_row("brought in and out", [_usd(lake["moved"]) for lake in lakes]))
    mwaa = _usd(estimate.of_hours("mwaa_small"))
    lines.append(_row("Airflow on MWAA, one mw1.small without more workers", [mwaa] * len(lakes)))
    return "\n".join(lines)


def _instances(estimate: Estimate, n: float) -> str:
    return f"{estimate.describe_servers(n, 0)} / {estimate.describe_servers(n, 1)}"


def make_break_down(estimate: Estimate) -> str:
    """Return which services cost how much in a month, as a table in Markdown."""
    columns = [estimate.ours(n) for n in (0, *N_SCANS_PER_DAY)]
    lines = [_row("USD a month", ["no scan", *_columns()]), "|---" * (1 + len(columns)) + "|"]
    for group in GROUPS:
        cells = [_share(costs, group) for costs in columns]
        lines.append(_row(group, cells))
    return "\n".join(lines)


def _share(costs: Mapping[str, float], group: str) -> str:
    return f"{_usd(costs[group])} ({costs[group] / sum(costs.values()):.0%})"


def make_sentences(estimate: Estimate) -> str:
    """Return where which is cheaper, as a list in Markdown."""
    lines = []
    for name, server in (
        ("server in one zone", estimate.one_server),
        ("servers in two zones", estimate.two_servers),
    ):
        n = find_break_even(estimate.ours_in_sum, server)
        said = f"{name}: cheaper from {n:,.0f} scans a day on" if n else f"{name}: never cheaper"
        lines.append(f"- {said[0].upper()}{said[1:]}.")
    idle_usd, nat_usd = estimate.ours_in_sum(0), estimate.of_hours("nat_gateway", 2)
    lines.append(f"- With no scan at all, ours costs {_usd(idle_usd)} USD a month.")
    lines.append(f"- In a VPC (`SubnetIds`), two NAT gateways add {_usd(nat_usd)} USD a month.")
    return "\n".join(lines)


def make_counts(counts: ScanCounts) -> str:
    """Return what one scan calls, as a table in Markdown."""
    units = {
        "invocations": "calls",
        "read_units": "read units",
        "write_units": "write units",
        "aws_calls": "AWS",
        "scanhub_calls": "ScanHub",
        "airflow_calls": "Airflow",
    }
    lines = [f"| function | {' | '.join(units.values())} |", "|---" * (1 + len(units)) + "|"]
    for name, each in sorted(counts.functions.items()):
        lines.append(_row(f"`{name}`", [f"{each.get(unit, 0):g}" for unit in units]))
    sums = [f"{counts.sum(unit):g}" for unit in units]
    lines.append(_row("**sum**", sums))
    idle = [f"{counts.idle.get(unit, 0):g}" for unit in units]
    lines.append(_row("an idle turn of `reconcile_runs`", idle))
    return "\n".join(lines)


def _columns() -> list[str]:
    return [f"{n:,} scans a day" for n in N_SCANS_PER_DAY]


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def _usd(amount: float) -> str:
    """Write two digits that count, and no more cents than there are."""
    if amount >= 100:
        return f"{amount:,.0f}"
    if amount >= 1:
        return f"{amount:.1f}"
    return f"{amount:.2g}" if amount >= 1e-4 or amount == 0 else f"{amount:.1e}"


def count(path: Path = COUNTS) -> None:
    """Count one scan and write that down."""
    # Only this needs moto and the tests' deployment.
    from benchmarks.scan_walk import count_scan

    path.write_text(format_counts(count_scan(load_profile().timeline)))


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", action="store_true", help="count a scan anew")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/cost.md")
    asked = parser.parse_args()
    if asked.count:
        count()
    counts = load_counts()
    estimate = Estimate(load_prices(), load_profile(), counts)
    parts = {
        "": partial(make_comparison, estimate),
        "-break-even": partial(make_sentences, estimate),
        "-break-down": partial(make_break_down, estimate),
        "-counts": partial(make_counts, counts),
    }
    text = DOC.read_text() if asked.write else ""
    for name, make in parts.items():
        print(make(), end="\n\n")
        text = replace_block(text, f"cost{name}", make()) if asked.write else text
    if asked.write:
        DOC.write_text(text)


if __name__ == "__main__":
    main()
