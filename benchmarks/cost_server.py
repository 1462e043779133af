"""What the same application uses in a month on servers, and from when on that costs less."""

from __future__ import annotations

import math
from collections.abc import Callable

from benchmarks.cost_data import Instance, Profile, ScanCounts
from benchmarks.cost_model import (
    DAY_S,
    GB,
    MONTH_DAYS,
    MONTH_HOURS,
    Usage,
    count_traces,
    use_control_plane,
)


def choose_instances(
    profile: Profile, counts: ScanCounts, n_scans_per_day: float
) -> tuple[str, int]:
    """Return the kind and number of instances that carry the load, by the shortest list.

    Parameters
    ----------
    profile, counts
        What one scan is.
    n_scans_per_day
        How many there are.
    """
    server = profile.server
    n_requests = n_scans_per_day * count_traces(counts)
    n_cpus = n_requests * server.cpu_per_request_s / DAY_S
    sizes = [
        (each, _count_instances(each, n_cpus, server.peak_factor)) for each in server.instances
    ]
    chosen, n_instances = min(sizes, key=lambda size: size[1])
    return chosen.price, n_instances


def _count_instances(instance: Instance, n_cpus: float, peak_factor: float) -> int:
    sustained, peak = n_cpus / instance.n_sustained_cpus, n_cpus * peak_factor / instance.n_cpus
    return max(1, math.ceil(max(sustained, peak)))


def use_one_server(profile: Profile, counts: ScanCounts, n_scans_per_day: float) -> Usage:
    """Return what the cheapest server uses in a month: state and log on its disk, no alarms."""
    kind, n_instances = choose_instances(profile, counts, n_scans_per_day)
    return {
        kind: n_instances * MONTH_HOURS,
        "disk": profile.server.disk_gb,
        "public_address": MONTH_HOURS,
        "data_out": use_control_plane(profile, counts, n_scans_per_day)["data_out"],
    }


def use_two_servers(profile: Profile, counts: ScanCounts, n_scans_per_day: float) -> Usage:
    """Return what servers in two zones use: one more than needed, with our table and our alarms."""
    kind, n_instances = choose_instances(profile, counts, n_scans_per_day)
    n_instances += 1
    ours = use_control_plane(profile, counts, n_scans_per_day)
    platform_gb = counts.sum("invocations") * profile.bytes["platform_log_bytes"] / GB
    same = "dynamodb_writes dynamodb_reads dynamodb_storage dynamodb_pitr data_out"
    same += " alarms dashboards keys key_requests secrets"
    return {
        kind: n_instances * MONTH_HOURS,
        "disk": n_instances * profile.server.disk_gb,
        # The load balancer has one in each zone.
        "public_address": (n_instances + 2) * MONTH_HOURS,
        "load_balancer": MONTH_HOURS,
        "load_balancer_units": profile.server.load_balancer_units * MONTH_HOURS,
        "log_ingestion": max(
            0.0, ours["log_ingestion"] - n_scans_per_day * MONTH_DAYS * platform_gb
        ),
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
        Where to stop.

    Returns
    -------
    float | None
        None if it never does.
    """
    low, high = 0.0, 1.0
    while ours(high) <= server(high):
        if high >= greatest:
            return None
        low, high = high, high * 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if ours(middle) <= server(middle) else (low, middle)
    return high
