"""Cost of a scan and of a month at list prices, beside a server that is always on.

    make benchmark-cost [COUNT=1] [OLD=folder] [WRITE=1]

Nothing is measured but counted: `--count` walks through one scan with the real handlers on moto and
writes down every call (scan_counts.json). Prices (prices.toml) and what a scan is assumed to be
(scan_profile.toml) are data too. ``OLD=folder`` in the environment names an older checkout, whose
handlers and client take the same walk. `--write` puts the tables into docs/cost.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.cost_data import (
    COUNTS,
    Prices,
    Profile,
    ScanCounts,
    load_counts,
    load_older_profile,
    load_prices,
    load_profile,
)
from benchmarks.cost_model import MONTH_DAYS, MONTH_HOURS, SNAPSHOTS, Model, Usage
from benchmarks.report import make_table, write_blocks
from local.config import ROOT

PAGE = ROOT / "docs" / "cost.md"
# As `make` sets it, for a checkout.
_PATHS = ("layers/workflow_manager", "dags", "client", ".")
N_SCANS_PER_DAY = (10, 100, 1_000, 10_000, 100_000)
_COLUMNS = [f"{n:,} scans a day" for n in N_SCANS_PER_DAY]
_UNITS = {
    "invocations": "calls",
    "read_units": "read units",
    "write_units": "write units",
    "aws_calls": "AWS",
    "scanhub_calls": "ScanHub",
    "airflow_calls": "Airflow",
}
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
    """Costs of a month by scans a day [USD], and the tables and sentences of the page."""

    def __init__(self, prices: Prices, profile: Profile, counts: ScanCounts) -> None:
        self.model = Model(prices, profile, counts)

    def ours(self, n_scans_per_day: float) -> dict[str, float]:
        """Return the cost of the control plane by group."""
        costs = self.model.prices.price(self.model.use_control_plane(n_scans_per_day))
        return {group: sum(costs.get(name, 0) for name in names) for group, names in GROUPS.items()}

    def ours_in_sum(self, n_scans_per_day: float) -> float:
        """Return the cost of the whole control plane."""
        return sum(self.ours(n_scans_per_day).values())

    def one_server(self, n_scans_per_day: float) -> float:
        """Return the cost of one server; infinite if it is too small."""
        if self.model.count_servers(n_scans_per_day) > 1:
            return math.inf
        return self._total(self.model.use_one_server(n_scans_per_day))

    def two_servers(self, n_scans_per_day: float) -> float:
        """Return the cost of servers in two zones."""
        return self._total(self.model.use_two_servers(n_scans_per_day))

    def snapshots(self, snap_start: str) -> float:
        """Return the cost of the snapshots of one version, by the value of `SnapStart`."""
        return self._total(self.model.use_snapshots(snap_start))

    def make_comparison(self) -> str:
        """Return a table of the cost of a month and of a scan, ours and the servers'."""
        costs = {
            "**workflow manager, serverless**": self.ours_in_sum,
            "server in one zone": self.one_server,
            "servers in two zones": self.two_servers,
        }
        lakes = [self.model.prices.price(self.model.use_data_lake(n)) for n in N_SCANS_PER_DAY]
        stored_usd = [lake.pop("s3_storage") for lake in lakes]
        blank = [""] * len(N_SCANS_PER_DAY)
        rows = [
            *([name, *(_usd(cost(n)) for n in N_SCANS_PER_DAY)] for name, cost in costs.items()),
            ["instances, one zone / two", *map(self._describe_servers, N_SCANS_PER_DAY)],
            ["**USD a scan**", *blank],
            *(
                [name, *(_usd(cost(n) / (n * MONTH_DAYS)) for n in N_SCANS_PER_DAY)]
                for name, cost in costs.items()
            ),
            ["**the same for all, USD a month**", *blank],
            ["raw data and results, kept", *map(_usd, stored_usd)],
            ["brought in and out", *(_usd(sum(lake.values())) for lake in lakes)],
            [
                "Airflow on MWAA, one mw1.small without more workers",
                *[_usd(self._of_hours("mwaa_small"))] * len(blank),
            ],
        ]
        return make_table(["USD a month", *_COLUMNS], rows)

    def make_break_down(self) -> str:
        """Return a table of what each service costs in a month."""
        months = [self.ours(n) for n in (0, *N_SCANS_PER_DAY)]
        rows = [
            [group, *(f"{_usd(month[group])} ({_share(month, group)})" for month in months)]
            for group in GROUPS
        ]
        return make_table(["USD a month", "no scan", *_COLUMNS], rows)

    def make_extras(self) -> str:
        """Return a list of what is in no column."""
        nat_usd = 2 * self._of_hours("nat_gateway")
        operators_usd, all_usd = map(self.snapshots, SNAPSHOTS)
        return (
            f"- In a VPC (`SubnetIds`), two NAT gateways add {_usd(nat_usd)} USD a month.\n"
            "- With `SnapStart: Operators`, the snapshots of one published version of the functions"
            f" that an operator waits for add {_usd(operators_usd)} USD a month, with"
            f" `PublishedVersions` those of all functions {_usd(all_usd)}"
            " USD; old versions count until they are deleted. A thousand starts from them add"
            f" {self._total(self.model.use_restores(1_000)):.2f} USD."
        )

    def make_watching(self) -> str:
        """Return a table of what it costs to look on."""
        watchers = {
            "the console's board, nothing under way": self.model.profile.watchers["idle"],
            "the console's board, something under way": self.model.profile.watchers["busy"],
            "`--watch` of the command line, one workflow": self.model.watch_by_command_line(),
        }
        rows = [
            [
                name,
                f"{each.requests_per_hour:,.0f}",
                f"{each.bytes_per_hour / 1e6:.1f}",
                _usd(self._total(self.model.use_watcher(each))),
            ]
            for name, each in watchers.items()
        ]
        return make_table(["", "requests an hour", "MB an hour", "USD a month"], rows)

    def make_counts(self) -> str:
        """Return a table of what one scan calls."""
        counts = self.model.counts
        tables = {f"`{name}`": each for name, each in sorted(counts.functions.items())}
        tables["**sum**"] = {unit: counts.sum(unit) for unit in _UNITS}
        tables["an idle turn of `reconcile_runs`"] = counts.idle
        rows = [
            [name, *(f"{each.get(unit, 0):g}" for unit in _UNITS)] for name, each in tables.items()
        ]
        return make_table(["function", *_UNITS.values()], rows)

    def make_blocks(self) -> dict[str, str]:
        """Return all blocks by their marks in the page."""
        return {
            "cost": self.make_comparison(),
            "cost-extras": self.make_extras(),
            "cost-break-down": self.make_break_down(),
            "cost-watching": self.make_watching(),
            "cost-counts": self.make_counts(),
        }

    def _total(self, usage: Usage) -> float:
        return sum(self.model.prices.price(usage).values())

    def _of_hours(self, name: str) -> float:
        return self.model.prices.prices[name].cost(MONTH_HOURS)

    def _describe_servers(self, n_scans_per_day: float) -> str:
        n_servers = self.model.count_servers(n_scans_per_day)
        return f"{n_servers if n_servers == 1 else '-'} / {n_servers + 1}"


def count_older(checkout: Path) -> ScanCounts:
    """Return what a scan calls in an older checkout, in whose place these benchmarks stand."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "benchmarks").symlink_to(Path(__file__).parent)
        paths = [folder, *(str(checkout / each) for each in _PATHS)]
        # -P: the folder that it runs in has benchmarks of its own.
        command = [sys.executable, "-P", "-m", "benchmarks.scan_walk"]
        environ = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        # Who names the checkout runs it.
        # Our own words, no shell.
        told = subprocess.run(command, cwd=checkout, env=environ, stdout=-1, check=True)  # noqa: S603
    return ScanCounts.model_validate_json(told.stdout.splitlines()[-1])


def make_change(before: Estimate, now: Estimate) -> str:
    """Return a table of what each service cost before, and costs now [USD a month]."""
    shown = N_SCANS_PER_DAY[2:]
    months = [(before.ours(n), now.ours(n)) for n in shown]
    rows = [[group, *(_usd(each[group]) for month in months for each in month)] for group in GROUPS]
    sums = (_usd(sum(each.values())) for month in months for each in month)
    titles = [f"{n:,} a day: {when}" for n in shown for when in ("before", "now")]
    return make_table(["USD a month", *titles], [*rows, ["**sum**", *sums]])


def make_changed_counts(before: ScanCounts, now: ScanCounts) -> str:
    """Return a table of what one scan called before, and calls now."""
    units = {"api_requests": "requests", **_UNITS}
    rows = [
        [when, *(f"{each.sum(unit):g}" for unit in units)]
        for when, each in (("before", before), ("now", now))
    ]
    return make_table(["one scan", *units.values()], rows)


def _share(costs: dict[str, float], group: str) -> str:
    return f"{costs[group] / sum(costs.values()):.0%}"


def _usd(amount: float) -> str:
    """Write two significant digits, and no fractions of a cent; "-" stands for impossible."""
    if math.isinf(amount):
        return "-"
    if amount >= 1:
        return f"{amount:,.0f}" if amount >= 100 else f"{amount:.1f}"
    return f"{amount:.2g}" if amount >= 1e-4 or amount == 0 else f"{amount:.6f}"


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", action="store_true", help="count a scan anew")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/cost.md")
    asked = parser.parse_args()
    if asked.count:
        # Only counting needs moto and the tests' deployment.
        from benchmarks.scan_walk import count_scan

        counts = count_scan(load_profile().timeline)
        text = json.dumps(counts.model_dump(), indent=2, sort_keys=True)
        COUNTS.write_text(f"{text}\n")
    now = Estimate(load_prices(), load_profile(), load_counts())
    blocks = now.make_blocks()
    if old := os.environ.get("OLD"):
        checkout = Path(old).resolve()
        counts = count_older(checkout)
        before = Estimate(load_prices(), load_older_profile(checkout), counts)
        blocks["cost-before"] = make_change(before, now)
        blocks["cost-counts-before"] = make_changed_counts(counts, now.model.counts)
    print(*blocks.values(), sep="\n\n")
    if asked.write:
        write_blocks(PAGE, blocks)


if __name__ == "__main__":
    main()
