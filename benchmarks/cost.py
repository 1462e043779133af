"""Cost of a scan and of a month at list prices, beside a server that is always on.

    make benchmark-cost [COUNT=1]

Nothing is measured but counted: `--count` walks through one scan with the real handlers on moto and
writes down every call (scan_counts.toml). Prices (prices.toml) and what a scan is assumed to be
(scan_profile.toml) are data too. `--write` puts the tables into docs/cost.md.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
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
    use_restore,
    use_snapshots,
)
from benchmarks.cost_server import (
    choose_instances,
    choose_one,
    find_break_even,
    find_limit,
    use_one_server,
    use_two_servers,
)
from benchmarks.report import make_table, replace_block
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
        """Return that of the cheapest server; infinite if a single one cannot carry the load."""
        usage = use_one_server(self._prices, self._profile, self._counts, n_scans_per_day)
        return math.inf if usage is None else sum(price_usage(self._prices, usage).values())

    def two_servers(self, n_scans_per_day: float) -> float:
        """Return that of servers in two zones."""
        usage = use_two_servers(self._prices, self._profile, self._counts, n_scans_per_day)
        return sum(price_usage(self._prices, usage).values())

    def data_lake(self, n_scans_per_day: float) -> dict[str, float]:
        """Return that of raw data and results: storage, and what brings them in and out."""
        costs = price_usage(self._prices, use_data_lake(self._profile, n_scans_per_day))
        stored_usd = costs.pop("s3_storage")
        return {"kept": stored_usd, "moved": sum(costs.values())}

    def of_hours(self, name: str, n: int = 1) -> float:
        """Return that of something that is always on."""
        return n * self._prices.prices[name].cost(MONTH_HOURS)

    def snapshots(self) -> float:
        """Return that of the snapshots of one published version of all functions."""
        return sum(price_usage(self._prices, use_snapshots(self._profile)).values())

    def restore(self) -> float:
        """Return what it costs to start the largest function from its snapshot."""
        largest = max(self._profile.functions.values(), key=lambda each: each.memory_mb)
        return sum(price_usage(self._prices, use_restore(largest)).values())

    def limit_of_one_server(self) -> int:
        """Return how many scans a day a single server carries."""
        return find_limit(self._profile, self._counts)

    def describe_servers(self, n_scans_per_day: float) -> str:
        """Return number and kind of the instances, in one zone and in two."""
        files = self._prices, self._profile, self._counts
        one = choose_one(*files, n_scans_per_day)
        kind, n_instances = choose_instances(*files, n_scans_per_day)
        said = f"{f'1 of {one}' if one else '-'} / {n_instances} of {kind}"
        return said.replace("_", ".")


def make_comparison(estimate: Estimate) -> str:
    """Return cost of a month and of a scan, ours and the servers', as a table in Markdown."""
    costs: list[tuple[str, Callable[[float], float]]] = [
        ("**workflow manager, serverless**", estimate.ours_in_sum),
        ("server in one zone", estimate.one_server),
        ("servers in two zones", estimate.two_servers),
    ]
    blank = [""] * len(N_SCANS_PER_DAY)
    lakes = [estimate.data_lake(n) for n in N_SCANS_PER_DAY]
    mwaa = _usd(estimate.of_hours("mwaa_small"))
    instances = [estimate.describe_servers(n) for n in N_SCANS_PER_DAY]
    rows = [
        *([name, *(_usd(cost(n)) for n in N_SCANS_PER_DAY)] for name, cost in costs),
        ["instances of these, one zone / two", *instances],
        ["**USD a scan**", *blank],
        *(
            [name, *(_usd(cost(n) / (n * MONTH_DAYS)) for n in N_SCANS_PER_DAY)]
            for name, cost in costs
        ),
        ["**the same for all, USD a month**", *blank],
        ["raw data and results, kept", *(_usd(lake["kept"]) for lake in lakes)],
        ["brought in and out", *(_usd(lake["moved"]) for lake in lakes)],
        ["Airflow on MWAA, one mw1.small without more workers", *[mwaa] * len(lakes)],
    ]
    return make_table(["USD a month", *_columns()], rows)


def make_break_down(estimate: Estimate) -> str:
    """Return which services cost how much in a month, as a table in Markdown."""
    columns = [estimate.ours(n) for n in (0, *N_SCANS_PER_DAY)]
    rows = [[group, *(_share(costs, group) for costs in columns)] for group in GROUPS]
    return make_table(["USD a month", "no scan", *_columns()], rows)


def _share(costs: Mapping[str, float], group: str) -> str:
    return f"{_usd(costs[group])} ({costs[group] / sum(costs.values()):.0%})"


def make_sentences(estimate: Estimate) -> str:
    """Return where which is cheaper, as a list in Markdown."""
    one, two = estimate.one_server, estimate.two_servers
    limit = estimate.limit_of_one_server()
    idle_usd, nat_usd = estimate.ours_in_sum(0), estimate.of_hours("nat_gateway", 2)
    snapshots_usd, restore_usd = estimate.snapshots(), estimate.restore()
    sentences = [
        f"Server in one zone: {_say_break_even(find_break_even(estimate.ours_in_sum, one, limit))};"
        f" one alone carries at most {limit:,} scans a day.",
        f"Servers in two zones: {_say_break_even(find_break_even(estimate.ours_in_sum, two))}.",
        f"With no scan at all, ours costs {_usd(idle_usd)} USD a month.",
        f"In a VPC (`SubnetIds`), two NAT gateways add {_usd(nat_usd)} USD a month.",
        "With `SnapStart`, the snapshots of one published version of all functions add"
        f" {_usd(snapshots_usd)} USD a month, and each restore {_usd(restore_usd)} USD; old"
        " versions count until they are deleted.",
    ]
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _say_break_even(n_scans_per_day: float | None) -> str:
    if n_scans_per_day is None:
        return "never cheaper"
    return f"cheaper from {n_scans_per_day:,.0f} scans a day on"


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
    tables = {f"`{name}`": each for name, each in sorted(counts.functions.items())}
    tables["**sum**"] = {unit: counts.sum(unit) for unit in units}
    tables["an idle turn of `reconcile_runs`"] = counts.idle
    rows = [[name, *(f"{each.get(unit, 0):g}" for unit in units)] for name, each in tables.items()]
    return make_table(["function", *units.values()], rows)


def _columns() -> list[str]:
    return [f"{n:,} scans a day" for n in N_SCANS_PER_DAY]


def _usd(amount: float) -> str:
    """Write two digits that count, and no more cents than there are; "-" is not for any money."""
    if math.isinf(amount):
        return "-"
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
