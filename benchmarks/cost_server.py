"""What the same application uses in a month on servers, and from when on that costs less."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from benchmarks.cost_data import Instance, Prices, Profile, ScanCounts
from benchmarks.cost_model import (
    DAY_S,
    GB,
    MONTH_DAYS,
    MONTH_HOURS,
    Usage,
    count_traces,
    use_control_plane,
)


def choose_one(
    prices: Prices, profile: Profile, counts: ScanCounts, n_scans_per_day: float
) -> str | None:
    """Return the cheapest kind of which a single instance carries the load.

    Parameters
    ----------
    prices
        The price list.
    profile, counts
        What one scan is.
    n_scans_per_day
        How many there are.

    Returns
    -------
    str | None
        None if it is too much for any.
    """
    n_cpus = n_scans_per_day * _cpus_per_daily_scan(profile, counts)
    kinds = [
        each.price
        for each in profile.server.instances
        if n_cpus <= _capacity(each, profile.server.peak_factor)
    ]
    return min(kinds, key=partial(_hourly_usd, prices), default=None)


def choose_instances(
    prices: Prices, profile: Profile, counts: ScanCounts, n_scans_per_day: float
) -> tuple[str, int]:
    """Return kind and number of instances that carry the load with one to spare, at least cost.

    Parameters
    ----------
    prices
        The price list.
    profile, counts
        What one scan is.
    n_scans_per_day
        How many there are.
    """
    server = profile.server
    n_cpus = n_scans_per_day * _cpus_per_daily_scan(profile, counts)
    sizes = [
        (each.price, 1 + max(1, math.ceil(n_cpus / _capacity(each, server.peak_factor))))
        for each in server.instances
    ]
    return min(sizes, key=lambda size: size[1] * _hourly_usd(prices, size[0]))


def find_limit(profile: Profile, counts: ScanCounts) -> int:
    """Return how many scans a day a single instance carries, of the largest kind."""
    server = profile.server
    n_cpus = max(_capacity(each, server.peak_factor) for each in server.instances)
    return math.floor(n_cpus / _cpus_per_daily_scan(profile, counts))


def _cpus_per_daily_scan(profile: Profile, counts: ScanCounts) -> float:
    return count_traces(counts) * profile.server.cpu_per_request_s / DAY_S


def _capacity(instance: Instance, peak_factor: float) -> float:
    """Return how many processors' load, in the mean of a day, leaves room for the peaks."""
    return min(instance.n_sustained_cpus, instance.n_cpus / peak_factor)


def _hourly_usd(prices: Prices, kind: str) -> float:
    return prices.prices[kind].cost(1)


def use_one_server(
    prices: Prices, profile: Profile, counts: ScanCounts, n_scans_per_day: float
) -> Usage | None:
    """Return what the cheapest server uses in a month: state and log on its disk, no alarms.

    Parameters
    ----------
    prices
        The price list.
    profile, counts
        What one scan is.
    n_scans_per_day
        How many there are.

    Returns
    -------
    Usage | None
        None if a single one cannot carry the load: a second would need a disk and address for both.
    """
    kind = choose_one(prices, profile, counts, n_scans_per_day)
    if kind is None:
        return None
    return {
        kind: MONTH_HOURS,
        "disk": profile.server.disk_gb,
        "public_address": MONTH_HOURS,
        "data_out": use_control_plane(profile, counts, n_scans_per_day)["data_out"],
    }


def use_two_servers(
    prices: Prices, profile: Profile, counts: ScanCounts, n_scans_per_day: float
) -> Usage:
    """Return what servers in two zones use: with our table, our log and our alarms.

    Parameters
    ----------
    prices
        The price list.
    profile, counts
        What one scan is.
    n_scans_per_day
        How many there are.
    """
    kind, n_instances = choose_instances(prices, profile, counts, n_scans_per_day)
    ours = use_control_plane(profile, counts, n_scans_per_day)
    platform_gb = counts.sum("invocations") * profile.bytes["platform_log_bytes"] / GB
    log_gb = max(0.0, ours["log_ingestion"] - n_scans_per_day * MONTH_DAYS * platform_gb)
    same = "dynamodb_writes dynamodb_reads dynamodb_storage dynamodb_pitr data_out"
    same += " custom_metrics alarms dashboards keys key_requests secrets"
    return {
        kind: n_instances * MONTH_HOURS,
        "disk": n_instances * profile.server.disk_gb,
        # The load balancer has one in each zone.
        "public_address": (n_instances + 2) * MONTH_HOURS,
        "load_balancer": MONTH_HOURS,
        "load_balancer_units": profile.server.load_balancer_units * MONTH_HOURS,
        "log_ingestion": log_gb,
        "log_storage": log_gb / MONTH_DAYS * profile.data["log_days"],
    } | {name: ours[name] for name in same.split()}


def find_break_even(
    ours: Callable[[float], float], server: Callable[[float], float], greatest: float = 1e6
) -> float | None:
    """Return from how many scans a day on the server costs less.

    Parameters
    ----------
    ours, server
        Cost of a month at so many scans a day [USD].
    greatest
        Up to how many to look.

    Returns
    -------
    float | None
        None if it never does.
    """
    low, high = 0.0, min(1.0, greatest)
    while ours(high) <= server(high):
        if high >= greatest:
            return None
        low, high = high, min(high * 2, greatest)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if ours(middle) <= server(middle) else (low, middle)
    return high
