"""The calls that docs/cost.md is made of."""

from benchmarks.cost_data import load_counts, load_profile
from benchmarks.scan_walk import count_scan

# Ids and times differ in length, so bytes may differ a little.
BYTES = "_bytes"


def take_units(counts: dict[str, float]) -> dict[str, float]:
    return {unit: n for unit, n in counts.items() if n and not unit.endswith(BYTES)}


def test_scan_calls_what_was_counted_of_it() -> None:
    known = load_counts()

    counted = count_scan(load_profile().timeline)

    assert counted.n_metrics == known.n_metrics
    assert counted.n_idle_metrics == known.n_idle_metrics
    assert take_units(counted.idle) == take_units(known.idle)
    for name, counts in counted.functions.items():
        # If this is meant: make benchmark-cost COUNT=1
        assert take_units(counts) == take_units(known.functions[name]), name
