"""The calls that docs/cost.md is made of."""

from benchmarks.cost_data import load_counts, load_profile
from benchmarks.scan_walk import count_scan, list_poll_times_s

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


def test_watching_client_asks_less_and_less_often() -> None:
    assert list_poll_times_s() == [1, 3, 7, 15, 25, 35, 45, 55]
    assert list_poll_times_s(moved_min=1) == [3, 9, 19, 29, 39, 49, 59]
    assert list_poll_times_s(moved_min=60) == [10, 20, 30, 40, 50, 60]
