"""Which alarms would ring: those of the deployed template on our metrics, by what functions emit.

The emulator takes alarms and embedded metrics, and evaluates neither.
"""

import json
from collections import Counter

from local.aws import make_client
from tests.e2e.laptop import Json, Laptop

NAMESPACE = "ScanHub"
Metric = tuple[str, frozenset[tuple[str, str]]]


def read_metrics(laptop: Laptop, since_ms: int) -> Counter[Metric]:
    """Return the sum of each metric by name and dimensions since a moment [ms]."""
    sums: Counter[Metric] = Counter()
    client = make_client(laptop.config, "logs")
    groups = client.describe_log_groups()["logGroups"]
    for group in groups:
        pages = client.get_paginator("filter_log_events").paginate(
            logGroupName=group["logGroupName"], startTime=since_ms
        )
        for page in pages:
            for event in page["events"]:
                _, brace, text = event["message"].partition('{"_aws"')
                if brace:
                    add_metrics(sums, json.loads(brace + text))
    return sums


def add_metrics(sums: Counter[Metric], record: Json) -> None:
    for directive in record["_aws"]["CloudWatchMetrics"]:
        assert directive["Namespace"] == NAMESPACE
        for names in directive["Dimensions"]:
            dimensions = frozenset((name, str(record[name])) for name in names)
            for metric in directive["Metrics"]:
                values = record[metric["Name"]]
                sums[metric["Name"], dimensions] += sum(values)


def list_ringing(laptop: Laptop, since_ms: int) -> set[str]:
    """Return the names of the metrics whose alarms would ring."""
    sums = read_metrics(laptop, since_ms)
    alarms = make_client(laptop.config, "cloudwatch").describe_alarms()["MetricAlarms"]
    ringing = set()
    for alarm in alarms:
        if alarm.get("Namespace") != NAMESPACE:
            continue
        n_breaching = alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]
        assert (alarm["Statistic"], n_breaching) == ("Sum", 1)
        dimensions = frozenset((each["Name"], each["Value"]) for each in alarm["Dimensions"])
        if sums[alarm["MetricName"], dimensions] > alarm["Threshold"]:
            ringing.add(alarm["MetricName"])
    return ringing
