"""Log, metrics and trace; they hold ids and sentences, but no body, token or patient data."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from workflow_manager.domain.trace import (
    TraceContext,
    new_trace,
    parse_traceparent,
    parse_xray_header,
)

__all__ = [
    "MetricUnit",
    "begin_trace",
    "count_left_undone",
    "count_server_error",
    "count_unchecked_token",
    "count_upstream_failure",
    "log_unexpected",
    "logger",
    "metrics",
    "switch_trace",
    "traced",
]
SERVICE = "workflow-manager"
# Most requests count nothing, and Powertools would log a warning for each.
warnings.filterwarnings("ignore", "No application metrics to publish")
logger = Logger(service=SERVICE)
# These loggers write URLs: one holds a patient's id, and a stranger may put anything into a path.
for name in ("httpx", "mangum.http"):
    logging.getLogger(name).setLevel(logging.WARNING)
metrics = Metrics(namespace="ScanHub", service=SERVICE)
# The dimension tells two stacks of an account apart; nothing with ever more values is one.
metrics.set_default_dimensions(stack=os.environ.get("STACK_NAME") or "local")


def begin_trace(traceparent: str | None = None) -> TraceContext:
    """Return the trace of a function's call, and put its id on every line of the log.

    Parameters
    ----------
    traceparent
        What the caller sent. If it is missing or malformed, X-Ray's trace is used, else a new one.
    """
    xray_header = os.environ.get("_X_AMZN_TRACE_ID")
    trace = parse_traceparent(traceparent) or parse_xray_header(xray_header) or new_trace()
    switch_trace(trace)
    return trace


def switch_trace(trace: TraceContext | None) -> None:
    """Put the log into the trace of a run; None keeps the present trace."""
    if trace is not None:
        logger.append_keys(trace_id=trace.trace_id)


@contextmanager
def traced(trace: TraceContext | None) -> Iterator[None]:
    """Put the log of a block into the trace of a run; None keeps the present trace."""
    # Powertools' own context manager would remove the outer id at its end.
    before = logger.get_current_keys().get("trace_id")
    switch_trace(trace)
    try:
        yield
    finally:
        logger.append_keys(trace_id=before)


def count_left_undone(n_items: int = 1) -> None:
    """Count what is left to a later turn; also 0, so that an alarm ends."""
    metrics.add_metric("Degraded", MetricUnit.Count, n_items)


def count_server_error() -> None:
    """Count an error of our own, which no bad request and no outage of another service is."""
    metrics.add_metric("ServerErrors", MetricUnit.Count, 1)


def count_upstream_failure() -> None:
    """Count a call that failed because another service did."""
    metrics.add_metric("UpstreamFailures", MetricUnit.Count, 1)


def count_unchecked_token() -> None:
    """Count a call that was refused because nobody could tell whose token it carries."""
    metrics.add_metric("TokensUnchecked", MetricUnit.Count, 1)
    count_upstream_failure()


def log_unexpected(error: BaseException) -> None:
    """Log the type and the traceback's places of an error, without its message."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    logger.error("unexpected error", extra={"error": type(error).__name__, "places": places[-8:]})
