"""Save the logs of the functions to a file, because the laptop's AWS keeps them in memory."""

from __future__ import annotations

import re

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import make_client
from local.config import StackConfig
from local.probes import is_aws_ready

FILE_NAME = "functions.log"
FUNCTION_NAME = re.compile(r'"function_name": ?"([^"]+)"')


def save_function_logs(config: StackConfig) -> None:
    """Write the log events of all functions, oldest first; if AWS is down, keep the older file."""
    if not config.log_folder.is_dir() or not is_aws_ready(config):
        return
    try:
        events = _read_events(config)
    except (BotoCoreError, ClientError):
        # AWS may be stopped at this very moment; the older copy is better than none.
        return
    lines = [f"{name} {message.rstrip()}\n" for _, name, message in sorted(events)]
    (config.log_folder / FILE_NAME).write_text("".join(lines))


def _read_events(config: StackConfig) -> list[tuple[int, str, str]]:
    client = make_client(config, "logs")
    events = []
    for groups in client.get_paginator("describe_log_groups").paginate():
        for group in groups["logGroups"]:
            name = group["logGroupName"]
            pages = client.get_paginator("filter_log_events").paginate(logGroupName=name)
            events += [event for page in pages for event in page["events"]]
    # All functions share a log group, and each process of one has a stream.
    names: dict[str, str] = {}
    for event in events:
        if found := FUNCTION_NAME.search(event["message"]):
            names[event["logStreamName"]] = found[1]
    return [
        (event["timestamp"], names.get(event["logStreamName"], "-"), event["message"])
        for event in events
    ]
