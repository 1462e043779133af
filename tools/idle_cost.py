"""The cost of a deployment in a month without a scan, from the data of docs/cost.md."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.cost import GROUPS, Estimate
from benchmarks.cost_data import load_counts, load_prices, load_profile
from benchmarks.cost_model import SNAPSHOTS


def estimate_idle_usd(values: Mapping[str, str]) -> dict[str, float]:
    """Return the cost of a month without a scan by group [USD], dearest first."""
    estimate = Estimate(load_prices(), load_profile(), load_counts())
    usage = estimate.model.use_control_plane(0)
    usage["keys"] = 0 if values.get("KmsKeyArn") else usage["keys"]
    usage["secrets"] = 2 + bool(values.get("AirflowSecretArn"))
    costs = estimate.model.prices.price(usage)
    groups = {group: sum(costs.get(name, 0.0) for name in names) for group, names in GROUPS.items()}
    if (snap_start := values.get("SnapStart", "")) in SNAPSHOTS:
        groups["Snapshots of one version"] = estimate.snapshots(snap_start)
    return dict(sorted(groups.items(), key=lambda each: -each[1]))
