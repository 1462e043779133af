"""What every function is wrapped in: log, metrics, a quick start."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from workflow_manager.observability import logger, metrics
from workflow_manager.runtime import end_init, is_made_ahead
from workflow_manager.wiring import PortName, forget, make_ready

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def lambda_entry(*ports: PortName) -> Callable[[Handler], Handler]:
    """Make a function the handler that Lambda calls; the last act of its module.

    Parameters
    ----------
    *ports
        What it calls, in this order. The first is made ready during the start; the others, too, if
        nobody waits for that.
    """

    def decorate(handle: Handler) -> Handler:
        with_metrics = metrics.log_metrics(capture_cold_start_metric=True)(handle)
        handler: Handler = logger.inject_lambda_context(clear_state=True)(with_metrics)
        needed = ports if is_made_ahead() else ports[:1]
        end_init(lambda: make_ready(*needed), forget)
        return handler

    return decorate
