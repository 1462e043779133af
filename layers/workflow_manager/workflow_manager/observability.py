"""Log and metrics, one of each. Ids and sentences only: no body, no token, no patient data."""

import logging
import warnings

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

__all__ = ["MetricUnit", "log_unexpected", "logger", "metrics"]
SERVICE = "workflow-manager"
# Most requests have nothing to count, and would each log a warning of it.
warnings.filterwarnings("ignore", "No application metrics to publish")
logger = Logger(service=SERVICE)
# They name URLs: a patient's id is in one, and a stranger may put anything into a path.
for name in ("httpx", "mangum.http"):
    logging.getLogger(name).setLevel(logging.WARNING)
metrics = Metrics(namespace="ScanHub", service=SERVICE)


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
