"""Which alarms would ring: those of the deployed template on our metrics, by what functions emit.

The emulator takes alarms and embedded metrics, and evaluates neither.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from local.aws import make_client
from tests.e2e.laptop import Laptop
from tests.fakes.cloudwatch import Metric, Sample, has_rung, read_samples

NAMESPACE = "ScanHub"
MINUTE_MS = 60_000
FIRST_OF_TURN = "RunsWaiting"


def read_metrics(laptop: Laptop, since_ms: int) -> list[Sample]:
    """Return what functions have written of each metric since a moment [ms], oldest first."""
    samples: list[Sample] = []
    client = make_client(laptop.config, "logs")
    groups = client.describe_log_groups()["logGroups"]
    for group in groups:
        pages = client.get_paginator("filter_log_events").paginate(
            logGroupName=group["logGroupName"], startTime=since_ms
        )
        lines = (event["message"] for page in pages for event in page["events"])
        samples += [sample for line in lines for sample in read_samples(line)]
    assert {sample.metric.namespace for sample in samples} <= {NAMESPACE}
    return sorted(samples, key=lambda sample: sample.at_ms)


def sum_metrics(laptop: Laptop, since_ms: int) -> Counter[str]:
    """Return the sum of each metric by name since a moment [ms]."""
    sums: Counter[str] = Counter()
    for sample in read_metrics(laptop, since_ms):
        sums[sample.metric.name] += int(sum(sample.values))
    return sums


def list_ringing(laptop: Laptop, since_ms: int, *, is_turn_a_minute: bool = False) -> set[str]:
    """Return the names of the metrics whose alarms have rung since a moment [ms].

    With `is_turn_a_minute`, turns of the reconciler that follow each other at once count as one
    a minute.
    """
    samples = read_metrics(laptop, since_ms)
    turns = accumulate(sample.metric.name == FIRST_OF_TURN for sample in samples)
    minutes = turns if is_turn_a_minute else (each.at_ms // MINUTE_MS for each in samples)
    by_minute = list(zip(minutes, samples, strict=True))
    alarms = make_client(laptop.config, "cloudwatch").describe_alarms()["MetricAlarms"]
    ours = [alarm for alarm in alarms if alarm.get("Namespace") == NAMESPACE]
    assert ours
    return {alarm["MetricName"] for alarm in ours if _has_rung(alarm, by_minute)}


def _has_rung(alarm: Mapping[str, Any], by_minute: list[tuple[int, Sample]]) -> bool:
    dimensions = frozenset((each["Name"], each["Value"]) for each in alarm["Dimensions"])
    metric = Metric(alarm["Namespace"], alarm["MetricName"], dimensions)
    periods: dict[int, list[float]] = {}
    for minute, sample in by_minute:
        if sample.metric == metric:
            periods.setdefault(minute // (alarm["Period"] // 60), []).extend(sample.values)
    return has_rung(alarm, list(periods.values()))
