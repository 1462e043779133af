"""What a month uses, as sums of counts: the workflow manager, the data lake."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

from benchmarks.cost_data import Counts, Function, Prices, Profile, ScanCounts
from workflow_manager.domain.upload import choose_part_size

MONTH_DAYS = 365 / 12
MONTH_HOURS = 24 * MONTH_DAYS
DAY_S = 86_400
_DAY_HOURS = 24
GB = 1e9
# Lambda gives processors by memory: one of them at so much.
_MB_PER_CPU = 1769
_MB_PER_GB = 1024
_RECONCILER = "reconcile_runs"
# Each of their calls begins a trace; an authorizer's is that of its request.
_TRACED_ALONE = ("trigger_airflow", "publish_events")

Usage = dict[str, float]


def price_usage(prices: Prices, usage: Mapping[str, float]) -> dict[str, float]:
    """Return what each unit costs in a month [USD].

    Parameters
    ----------
    prices
        The price list.
    usage
        Units of a month by the name of their price.
    """
    return {name: prices.prices[name].cost(n_units) for name, n_units in usage.items()}


def estimate_cold_share(n_scans_per_day: float, profile: Profile) -> float:
    """Return how many scans find a function asleep: it was, if none came while it was kept."""
    times = profile.times
    n_while_kept = n_scans_per_day * times["keep_alive_s"] / DAY_S
    return max(math.exp(-n_while_kept), times["min_cold_share"])


def estimate_gb_s(function: Function, counts: Counts, n_cold: float, profile: Profile) -> float:
    """Return what the calls of a function are billed as [GB-s].

    Parameters
    ----------
    function
        What a call takes.
    counts
        Its calls, and what they wait for.
    n_cold
        How many of them are cold starts.
    profile
        What waiting takes.
    """
    slowdown = max(1.0, _MB_PER_CPU / function.memory_mb)
    warm_s = function.warm_s + function.warm_cpu_s * (slowdown - 1)
    times = profile.times
    waited_s = sum(
        counts.get(f"{neighbour}_calls", 0) * times[f"{neighbour}_call_s"]
        for neighbour in ("aws", "scanhub", "airflow")
    )
    billed_s = (
        (counts.get("invocations", 0) - n_cold) * warm_s
        + n_cold * function.cold_cpu_s * slowdown
        + waited_s
    )
    return max(0.0, billed_s) * function.memory_mb / _MB_PER_GB


def sample_traces(n_per_day: float, profile: Profile) -> float:
    """Return how many of a day's traces X-Ray records, if they come evenly."""
    sampling = profile.sampling
    n_in_full = min(n_per_day, sampling["reservoir_per_s"] * DAY_S)
    return n_in_full + sampling["rate"] * (n_per_day - n_in_full)


def use_control_plane(profile: Profile, counts: ScanCounts, n_scans_per_day: float) -> Usage:
    """Return what the workflow manager uses in a month, with no scan or many.

    Parameters
    ----------
    profile, counts
        What one scan is.
    n_scans_per_day
        How many there are.
    """
    n_turns = profile.background["reconcile_per_day"]
    daily: defaultdict[str, float] = defaultdict(float)
    _add(daily, _use_functions(profile, counts, n_scans_per_day), n_scans_per_day)
    _add(daily, _use_scan(profile, counts), n_scans_per_day)
    _add(daily, _use_turn(profile, counts), n_turns)
    background = profile.background
    daily["sqs_requests"] += background["polls_per_queue_day"] * profile.fixed["n_queue_sources"]
    daily["schedules"] += n_turns
    daily["key_requests"] += background["key_requests_per_day"]
    n_traces = n_turns + n_scans_per_day * count_traces(counts)
    daily["traces"] += sample_traces(n_traces, profile)
    monthly = {name: n * MONTH_DAYS for name, n in daily.items()}
    return monthly | _use_always(profile, counts, n_scans_per_day, daily["log_ingestion"])


def _add(usage: defaultdict[str, float], part: Usage, n: float) -> None:
    for name, n_units in part.items():
        usage[name] += n_units * n


def _use_functions(profile: Profile, counts: ScanCounts, n_scans_per_day: float) -> Usage:
    """Return what Lambda charges for one scan."""
    cold_share = estimate_cold_share(n_scans_per_day, profile)
    least = profile.times["min_cold_share"]
    gb_s, n_cold_starts = 0.0, 0.0
    for name, each in counts.functions.items():
        n_calls = each.get("invocations", 0)
        # The first call of a scan may be cold; the others follow it closely.
        n_cold = cold_share + (n_calls - 1) * least if n_calls else 0
        gb_s += estimate_gb_s(profile.functions[name], each, n_cold, profile)
        n_cold_starts += n_cold
    return {
        f"lambda_{profile.architecture}": gb_s,
        "lambda_requests": counts.sum("invocations"),
        "log_ingestion": n_cold_starts * profile.bytes["cold_log_bytes"] / GB,
    }


def _use_scan(profile: Profile, counts: ScanCounts) -> Usage:
    """Return what one scan uses beside its functions' time."""
    sizes = profile.bytes
    n_requests = counts.sum("api_requests")
    answered_bytes = (
        counts.sum("api_bytes")
        + n_requests * sizes["request_overhead_bytes"]
        + count_parts(profile) * sizes["part_url_bytes"]
    )
    logged_bytes = (
        counts.sum("log_bytes")
        + counts.sum("invocations") * sizes["platform_log_bytes"]
        + n_requests * sizes["access_log_bytes"]
    )
    return {
        "api_requests": n_requests,
        "data_out": answered_bytes / GB,
        "dynamodb_writes": counts.sum("write_units"),
        "dynamodb_reads": counts.sum("read_units"),
        "s3_writes": counts.sum("s3_writes"),
        "s3_reads": counts.sum("s3_reads"),
        "sqs_requests": counts.sum("sqs_requests"),
        "bus_events": counts.sum("bus_events"),
        "log_ingestion": logged_bytes / GB,
        "key_requests": profile.background["key_requests_per_scan"],
    }


def _use_turn(profile: Profile, counts: ScanCounts) -> Usage:
    """Return what a turn of the reconciler uses when nothing runs."""
    n_cold = profile.times["min_cold_share"]
    return {
        f"lambda_{profile.architecture}": estimate_gb_s(
            profile.functions[_RECONCILER], counts.idle, n_cold, profile
        ),
        "lambda_requests": 1,
        "dynamodb_writes": counts.idle.get("write_units", 0),
        "dynamodb_reads": counts.idle.get("read_units", 0),
        "log_ingestion": profile.bytes["platform_log_bytes"] / GB,
    }


def _use_always(
    profile: Profile, counts: ScanCounts, n_scans_per_day: float, log_gb_per_day: float
) -> Usage:
    """Return what is paid by the month: alarms, keys, and what is kept."""
    fixed, data = profile.fixed, profile.data
    kept_gb = n_scans_per_day * data["state_days"] * counts.sum("stored_bytes") / GB
    n_metrics = counts.n_idle_metrics + counts.n_metrics * share_of_hours(n_scans_per_day)
    return {
        "dynamodb_storage": kept_gb,
        "dynamodb_pitr": kept_gb,
        "log_storage": log_gb_per_day * data["log_days"],
        "custom_metrics": n_metrics,
        "alarms": fixed["n_alarm_metrics"],
        "dashboards": fixed["n_dashboards"],
        "keys": fixed["n_keys"],
        "secrets": fixed["n_secrets"],
    }


def use_snapshots(profile: Profile) -> Usage:
    """Return what SnapStart keeps in a month of one published version of all functions."""
    kept_gb = profile.fixed["functions_mb"] / _MB_PER_GB
    return {"snapshot_cache": kept_gb * MONTH_DAYS * DAY_S}


def use_restore(function: Function) -> Usage:
    """Return what SnapStart reads to start a function once."""
    return {"snapshot_restores": function.memory_mb / _MB_PER_GB}


def share_of_hours(n_per_day: float) -> float:
    """Return in how many hours something happens that comes at random; CloudWatch charges those."""
    return 1 - math.exp(-n_per_day / _DAY_HOURS)


def count_parts(profile: Profile) -> int:
    """Return the number of parts of an upload."""
    raw_bytes = int(profile.data["raw_bytes"])
    return -(-raw_bytes // choose_part_size(raw_bytes))


def count_traces(counts: ScanCounts) -> float:
    """Return how many requests and events of one scan begin a trace, and are a server's work."""
    alone = (counts.functions.get(name, {}).get("invocations", 0) for name in _TRACED_ALONE)
    return counts.sum("api_requests") + sum(alone)


def use_data_lake(profile: Profile, n_scans_per_day: float) -> Usage:
    """Return what raw data and results use in a month once the oldest are deleted.

    Parameters
    ----------
    profile
        What one scan is.
    n_scans_per_day
        How many there are.
    """
    data = profile.data
    n_scans = n_scans_per_day * MONTH_DAYS
    kept_bytes = (data["raw_bytes"] + data["result_bytes"]) * n_scans_per_day * data["kept_days"]
    return {
        "s3_storage": kept_bytes / GB,
        "s3_writes": n_scans * (count_parts(profile) + data["n_result_files"]),
        # Airflow reads the raw data, asking for its size first; a client reads the results.
        "s3_reads": n_scans * (2 + data["n_result_files"]),
        "data_out": n_scans * data["result_bytes"] / GB,
    }
