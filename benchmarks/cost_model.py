"""What a month uses, as sums of counts by the name of their price: ours, and the same on servers.

Each of the first three is told how many scans a day there are.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.cost_data import Counts, Function, Prices, Profile, ScanCounts, Watcher
from workflow_manager.domain.upload import choose_part_size

MONTH_DAYS = 365 / 12
MONTH_HOURS = 24 * MONTH_DAYS
DAY_S = 86_400
GB = 1e9
# Lambda gives processors by memory: a whole one at this size.
_MB_PER_CPU = 1769
_MB_PER_GB = 1024
# Each of their calls begins a trace; an authorizer shares its request's.
_READING = ("get_", "list_")
_TRACED_ALONE = ("trigger_airflow", "publish_events")
# The resources that servers in two zones would have too.
_KEPT = "dynamodb_writes dynamodb_reads dynamodb_storage dynamodb_pitr data_out custom_metrics"
_KEPT += " alarms dashboards keys key_requests secrets"

# By the value of the parameter SnapStart: the number that tells whose memory is kept.
SNAPSHOTS = {"Operators": "operators_mb", "PublishedVersions": "functions_mb"}

Usage = dict[str, float]


@dataclass(frozen=True)
class Model:
    """Uses of a month by scans a day, from the three data files."""

    prices: Prices
    profile: Profile
    counts: ScanCounts

    # ------------------------------------------------------------------ the workflow manager

    def use_control_plane(self, n_scans_per_day: float) -> Usage:
        """Return what the workflow manager uses in a month."""
        background, counts = self.profile.background, self.counts
        n_turns = background["reconcile_per_day"]
        n_polls = background["polls_per_queue_day"] * self.profile.fixed["n_queue_sources"]
        always = {
            "sqs_requests": n_polls,
            "schedules": n_turns,
            "key_requests": self._count_key_requests(n_scans_per_day),
            "traces": self._count_sampled(n_scans_per_day),
        }
        daily: defaultdict[str, float] = defaultdict(float)
        for part, n in (
            (self._use_functions(n_scans_per_day), n_scans_per_day),
            (self._use_scan(), n_scans_per_day),
            (self._use_turn(), n_turns),
            (always, 1),
        ):
            for name, n_units in part.items():
                daily[name] += n_units * n
        fixed, data = self.profile.fixed, self.profile.data
        kept_gb = n_scans_per_day * data["state_days"] * counts.sum("stored_bytes") / GB
        # Scans come at random; CloudWatch charges the hours in which there is one.
        share_of_hours = 1 - math.exp(-n_scans_per_day / 24)
        return {name: n * MONTH_DAYS for name, n in daily.items()} | {
            "dynamodb_storage": kept_gb,
            "dynamodb_pitr": kept_gb,
            "log_storage": daily["log_ingestion"] * data["log_days"],
            "custom_metrics": counts.n_idle_metrics + counts.n_metrics * share_of_hours,
            "alarms": fixed["n_alarm_metrics"],
            "dashboards": fixed["n_dashboards"],
            "keys": fixed["n_keys"],
            "secrets": fixed["n_secrets"],
        }

    def _count_key_requests(self, n_scans_per_day: float) -> float:
        """Return how often KMS is asked in a day: by each caller once in five minutes at most."""
        background = self.profile.background
        once = background["key_requests_per_day"]
        of_scans = n_scans_per_day * background["key_requests_per_scan"]
        return once + min(of_scans, background["key_callers"] * once)

    def _count_sampled(self, n_scans_per_day: float) -> float:
        """Return how many traces of a day X-Ray records: by our rules, and the rest by its own."""
        sampling, count = self.profile.sampling, self._count_calls
        of_rules = {
            "reads_rate": n_scans_per_day * self.count_reads(),
            "callbacks_rate": n_scans_per_day * count(("receive_results",)),
            "background_rate": self.profile.background["reconcile_per_day"]
            + n_scans_per_day * count(("publish_events",)),
        }
        n_all = n_scans_per_day * self.count_traces() + self.profile.background["reconcile_per_day"]
        ruled = {name: n for name, n in of_rules.items() if name in sampling}
        by_rules = sum(sampling[name] * n for name, n in ruled.items())
        return self.sample_traces(n_all - sum(ruled.values())) + by_rules

    def _use_functions(self, n_scans_per_day: float) -> Usage:
        """Return what Lambda charges for one scan."""
        cold_share = self.estimate_cold_share(n_scans_per_day)
        gb_s, n_cold_starts = 0.0, 0.0
        for name, each in self.counts.functions.items():
            n_calls = each.get("invocations", 0)
            # The first call of a scan may be cold; the others follow it closely.
            n_cold = cold_share + (n_calls - 1) * self.profile.times["min_cold_share"]
            n_cold *= n_calls > 0
            gb_s += self.estimate_gb_s(self.profile.functions[name], each, n_cold)
            n_cold_starts += n_cold
        return {
            f"lambda_{self.profile.architecture}": gb_s,
            "lambda_requests": self.counts.sum("invocations"),
            "log_ingestion": n_cold_starts * self.profile.bytes["cold_log_bytes"] / GB,
        }

    def _use_scan(self) -> Usage:
        """Return what one scan uses beside its functions' time."""
        sizes, count = self.profile.bytes, self.counts.sum
        n_requests = count("api_requests")
        answered_bytes = count("api_bytes") + n_requests * sizes["request_overhead_bytes"]
        answered_bytes += self.count_parts() * sizes["part_url_bytes"]
        logged_bytes = count("log_bytes") + n_requests * sizes["access_log_bytes"]
        logged_bytes += count("invocations") * sizes["platform_log_bytes"]
        return {
            "api_requests": n_requests,
            "data_out": answered_bytes / GB,
            "dynamodb_writes": count("write_units"),
            "dynamodb_reads": count("read_units"),
            "log_ingestion": logged_bytes / GB,
            **{name: count(name) for name in ("s3_writes", "s3_reads", "sqs_requests")},
            "bus_events": count("bus_events"),
        }

    def _use_turn(self) -> Usage:
        """Return what a turn of the reconciler uses when nothing runs."""
        idle, n_cold = self.counts.idle, self.profile.times["min_cold_share"]
        function = self.profile.functions["reconcile_runs"]
        return {
            f"lambda_{self.profile.architecture}": self.estimate_gb_s(function, idle, n_cold),
            "lambda_requests": 1,
            "dynamodb_writes": idle.get("write_units", 0),
            "dynamodb_reads": idle.get("read_units", 0),
            "log_ingestion": (self.profile.bytes["platform_log_bytes"] + idle.get("log_bytes", 0))
            / GB,
        }

    def estimate_cold_share(self, n_scans_per_day: float) -> float:
        """Return the share of scans that find a function cold, as none came while it was kept."""
        times = self.profile.times
        n_while_kept = n_scans_per_day * times["keep_alive_s"] / DAY_S
        return max(math.exp(-n_while_kept), times["min_cold_share"])

    def estimate_gb_s(self, function: Function, counts: Counts, n_cold: float) -> float:
        """Return what Lambda bills for the calls of a function, some of them cold [GB-s]."""
        slowdown, times = max(1.0, _MB_PER_CPU / function.memory_mb), self.profile.times
        billed_s = sum(
            counts.get(f"{neighbour}_calls", 0) * times[f"{neighbour}_call_s"]
            for neighbour in ("aws", "scanhub", "airflow")
        )
        warm_s = function.warm_s + function.warm_cpu_s * (slowdown - 1)
        billed_s += (counts.get("invocations", 0) - n_cold) * warm_s
        billed_s += n_cold * function.cold_cpu_s * slowdown
        return max(0.0, billed_s) * function.memory_mb / _MB_PER_GB

    def sample_traces(self, n_per_day: float) -> float:
        """Return how many of a day's traces X-Ray records, if they come evenly."""
        sampling = self.profile.sampling
        n_in_full = min(n_per_day, sampling["reservoir_per_s"] * DAY_S)
        return n_in_full + sampling["rate"] * (n_per_day - n_in_full)

    def count_traces(self) -> float:
        """Return how many requests and events of a scan begin a trace; a server handles as many."""
        return self.counts.sum("api_requests") + self._count_calls(_TRACED_ALONE)

    def _count_calls(self, names: Iterable[str]) -> float:
        functions = (self.counts.functions.get(name, {}) for name in names)
        return sum(each.get("invocations", 0) for each in functions)

    def count_reads(self) -> float:
        """Return how many requests of a scan only read."""
        reading = (name for name in self.counts.functions if name.startswith(_READING))
        return self._count_calls(reading)

    def count_parts(self) -> int:
        """Return the number of parts of an upload."""
        raw_bytes = int(self.profile.data["raw_bytes"])
        return -(-raw_bytes // choose_part_size(raw_bytes))

    def use_snapshots(self, snap_start: str) -> Usage:
        """Return what SnapStart, by the parameter's value, stores of one version in a month."""
        kept_gb = self.profile.fixed[SNAPSHOTS[snap_start]] / _MB_PER_GB
        return {"snapshot_cache": kept_gb * MONTH_DAYS * DAY_S}

    def use_restores(self, n_starts: int) -> Usage:
        """Return what so many starts from snapshots of the operators' functions restore."""
        fixed = self.profile.fixed
        return {
            "snapshot_restores": n_starts
            * fixed["operators_mb"]
            / fixed["n_operators"]
            / _MB_PER_GB
        }

    def use_data_lake(self, n_scans_per_day: float) -> Usage:
        """Return what raw data and results use once the oldest are deleted."""
        data, n_scans = self.profile.data, n_scans_per_day * MONTH_DAYS
        scan_bytes = data["raw_bytes"] + data["result_bytes"]
        return {
            "s3_storage": scan_bytes * n_scans_per_day * data["kept_days"] / GB,
            "s3_writes": n_scans * (self.count_parts() + data["n_result_files"]),
            # Airflow reads the raw data, asking for its size first; a client reads the results.
            "s3_reads": n_scans * (2 + data["n_result_files"]),
            "data_out": n_scans * data["result_bytes"] / GB,
        }

    def watch_by_command_line(self) -> Watcher:
        """Return what the command line asks for in an hour in which it watches one workflow."""
        counts, n_per_hour = (
            self.counts.functions["get_workflow"],
            60 / self.profile.timeline.total_min,
        )
        n_requests = counts["api_requests"] * n_per_hour
        overhead_bytes = n_requests * self.profile.bytes["request_overhead_bytes"]
        n_bytes = counts["api_bytes"] * n_per_hour + overhead_bytes
        return Watcher(requests_per_hour=n_requests, bytes_per_hour=n_bytes)

    def use_watcher(self, watcher: Watcher) -> Usage:
        """Return what a month's watching adds, if each answer takes one read, as a 304 does."""
        watching, sizes = self.profile.watching, self.profile.bytes
        n_requests = watcher.requests_per_hour * watching["hours_per_month"]
        n_checks = watching["hours_per_month"] * 3600 / watching["token_cache_s"]
        once = {"invocations": 1, "aws_calls": 1}, {"invocations": 1, "scanhub_calls": 1}
        functions = self.profile.functions
        gb_s = n_requests * self.estimate_gb_s(functions["get_workflow"], once[0], 0)
        gb_s += n_checks * self.estimate_gb_s(functions["authorize_request"], once[1], 0)
        logged_bytes = n_requests * sizes["access_log_bytes"]
        logged_bytes += (n_requests + n_checks) * sizes["platform_log_bytes"]
        return {
            f"lambda_{self.profile.architecture}": gb_s,
            "lambda_requests": n_requests + n_checks,
            "api_requests": n_requests,
            "data_out": watcher.bytes_per_hour * watching["hours_per_month"] / GB,
            "dynamodb_reads": n_requests,
            "log_ingestion": logged_bytes / GB,
            "log_storage": logged_bytes / GB / MONTH_DAYS * self.profile.data["log_days"],
            "traces": self.profile.sampling["reads_rate"] * n_requests,
        }

    # ------------------------------------------------------------------- the same on servers

    def count_servers(self, n_scans_per_day: float) -> int:
        """Return how many servers carry the load, with room for a day's peaks."""
        server = self.profile.server
        n_cpus = n_scans_per_day * self.count_traces() * server.cpu_per_request_s / DAY_S
        capacity = min(server.n_sustained_cpus, server.n_cpus / server.peak_factor)
        return max(1, math.ceil(n_cpus / capacity))

    def use_one_server(self, n_scans_per_day: float) -> Usage:
        """Return what a single server uses, with state and log on its disk and without alarms."""
        server = self.profile.server
        return {
            server.instance: MONTH_HOURS,
            "public_address": MONTH_HOURS,
            "disk": server.disk_gb,
            "data_out": self.use_control_plane(n_scans_per_day)["data_out"],
        }

    def use_two_servers(self, n_scans_per_day: float) -> Usage:
        """Return what servers in two zones use, with our table, log and alarms."""
        # One more than needed.
        n_instances = 1 + self.count_servers(n_scans_per_day)
        ours, server = self.use_control_plane(n_scans_per_day), self.profile.server
        n_calls = n_scans_per_day * MONTH_DAYS * self.counts.sum("invocations")
        platform_gb = n_calls * self.profile.bytes["platform_log_bytes"] / GB
        log_gb = max(0.0, ours["log_ingestion"] - platform_gb)
        return {
            server.instance: n_instances * MONTH_HOURS,
            "disk": n_instances * server.disk_gb,
            # The load balancer has an address in each zone.
            "public_address": (n_instances + 2) * MONTH_HOURS,
            "load_balancer": MONTH_HOURS,
            "load_balancer_units": server.load_balancer_units * MONTH_HOURS,
            "log_ingestion": log_gb,
            "log_storage": log_gb / MONTH_DAYS * self.profile.data["log_days"],
            **{name: ours[name] for name in _KEPT.split()},
        }
