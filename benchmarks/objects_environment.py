"""An execution environment of `trigger_airflow`, of the checkout that it is started in.

It answers events of SQS, a line of JSON each, until its input ends; then it tells what it took. It
stands alone, because an older checkout does not have it.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
from types import SimpleNamespace


def main() -> None:
    """Answer all events."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    # The log is written, as on Lambda, but to nowhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    handler = importlib.import_module("functions.trigger_airflow.app").lambda_handler
    context = SimpleNamespace(
        function_name="trigger_airflow",
        memory_limit_in_mb=1024,
        invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:trigger_airflow",
        aws_request_id="52fdfc07-2182-154f-163f-5f0f9a621d72",
        get_remaining_time_in_millis=lambda: 60_000,
    )
    began_s = None
    for line in sys.stdin:
        print(json.dumps(handler(json.loads(line), context)), file=answers, flush=True)
        # The first event is the one that warms up.
        began_s = began_s or _cpu_s()
    print(json.dumps({"cpu_s": _cpu_s() - (began_s or 0.0)}), file=answers, flush=True)


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
