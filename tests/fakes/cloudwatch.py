"""CloudWatch as far as ours uses it: metrics embedded in the log, and alarms that look at them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

STATISTICS = {"Sum": sum, "Maximum": max}


class Metric(NamedTuple):
    """What CloudWatch tells metrics apart by."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]


class Sample(NamedTuple):
    """What one line of the log holds of a metric."""

    metric: Metric
    unit: str
    at_ms: int
    values: tuple[float, ...]


def read_samples(line: str) -> Iterator[Sample]:
    """Yield what a line of the log holds in the embedded metric format, if it is in that."""
    _, brace, text = line.partition('{"_aws"')
    record = json.loads(brace + text) if brace else {"_aws": {"CloudWatchMetrics": []}}
    for directive in record["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = frozenset((name, str(record[name])) for name in names)
            for each in directive["Metrics"]:
                metric = Metric(directive["Namespace"], each["Name"], dimensions)
                at_ms = record["_aws"]["Timestamp"]
                yield Sample(metric, each["Unit"], at_ms, tuple(record[each["Name"]]))


def watched(alarm: Mapping[str, Any], stack_name: str) -> Metric:
    """Return the metric that an alarm of a single one looks at, in a stack of that name."""
    dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
    of_stack = {
        name: stack_name if value == {"Ref": "AWS::StackName"} else value
        for name, value in dimensions.items()
    }
    return Metric(alarm["Namespace"], alarm["MetricName"], frozenset(of_stack.items()))


def has_rung(alarm: Mapping[str, Any], periods: Sequence[Sequence[float]]) -> bool:
    """Tell whether an alarm was ever on.

    Parameters
    ----------
    alarm
        Above a threshold for some of its last periods.
    periods
        The values of each period, oldest first; one without any changes nothing.
    """
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    statistic, n_periods = STATISTICS[alarm["Statistic"]], alarm["EvaluationPeriods"]
    n_needed = alarm.get("DatapointsToAlarm", n_periods)
    above = [statistic(values) > alarm["Threshold"] for values in periods if values]
    return any(
        sum(above[max(0, end - n_periods) : end]) >= n_needed for end in range(1, len(above) + 1)
    )
