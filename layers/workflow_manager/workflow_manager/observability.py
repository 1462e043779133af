"""Log, metrics and trace, one of each. Ids and sentences only: no body, token, patient data."""

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
# Most requests have nothing to count, and would each log a warning of it.
warnings.filterwarnings("ignore", "No application metrics to publish")
logger = Logger(service=SERVICE)
# They name URLs: a patient's id is in one, and a stranger may put anything into a path.
for name in ("httpx", "mangum.http"):
    logging.getLogger(name).setLevel(logging.WARNING)
metrics = Metrics(namespace="ScanHub", service=SERVICE)
# Two stacks of one account are told apart; nothing that grows is ever a dimension.
metrics.set_default_dimensions(stack=os.environ.get("STACK_NAME") or "local")


def begin_trace(traceparent: str | None = None) -> TraceContext:
    """Return the trace of a call of a function, and let every line of its log carry the id.

    Parameters
    ----------
    traceparent
        What the caller sent; without one that is well formed it is X-Ray's, else a fresh one.
    """
    xray_header = os.environ.get("_X_AMZN_TRACE_ID")
    trace = parse_traceparent(traceparent) or parse_xray_header(xray_header) or new_trace()
    switch_trace(trace)
    return trace


def switch_trace(trace: TraceContext | None) -> None:
    """Let the log go on in another trace; None leaves it in its own.

    Parameters
    ----------
    trace
        That of the run which is spoken of.
    """
    if trace is not None:
        logger.append_keys(trace_id=trace.trace_id)


@contextmanager
def traced(trace: TraceContext | None) -> Iterator[None]:
    """Let the log of a block be in another trace, and whatever `switch_trace` does in it.

    Parameters
    ----------
    trace
        That of the run which is spoken of; None leaves the log in its own.
    """
    # Powertools' own block would leave no id at all behind.
    before = logger.get_current_keys().get("trace_id")
    switch_trace(trace)
    try:
        yield
    finally:
        logger.append_keys(trace_id=before)


def count_left_undone(n_items: int = 1) -> None:
    """Count what is left to a later turn, or nothing, so that an alarm goes back."""
    metrics.add_metric("Degraded", MetricUnit.Count, n_items)


def count_server_error() -> None:
    """Count what we did wrong: no request of a stranger, and no outage of a neighbour, is that."""
    metrics.add_metric("ServerErrors", MetricUnit.Count, 1)


def count_upstream_failure() -> None:
    """Count a call that failed because a neighbour did."""
    metrics.add_metric("UpstreamFailures", MetricUnit.Count, 1)


def count_unchecked_token() -> None:
    """Count a call that was not let in, as nobody could tell whose token it carries."""
    metrics.add_metric("TokensUnchecked", MetricUnit.Count, 1)
    count_upstream_failure()


def log_unexpected(error: BaseException) -> None:
    """Log the type of an error and the places it passed, without its message.

    Parameters
    ----------
    error
        Any error that we did not foresee.
    """
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    logger.error("unexpected error", extra={"error": type(error).__name__, "places": places[-8:]})
